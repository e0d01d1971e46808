using Engine.Training.Torch;

namespace Engine.Training.Tests.Torch;

public sealed class TensorScopeTests
{
    [Fact]
    public void A_scope_disposes_of_what_was_made_in_it()
    {
        Tensor before = Tensor.Zeros(1), inner, kept, outer;
        using (var scope = new TensorScope())
        {
            outer = Tensor.Zeros(1);
            using (var nested = new TensorScope())
            {
                inner = outer + 1;
                kept = nested.Keep(outer + 2);
                Assert.Same(before, nested.Keep(before));
                Assert.Same(outer, nested.Keep(outer));
            }

            Assert.True(inner.IsClosed);
            Assert.False(kept.IsClosed);
            Assert.False(outer.IsClosed);
        }

        Assert.True(kept.IsClosed);
        Assert.True(outer.IsClosed);
        Assert.False(before.IsClosed);
        before.Dispose();
    }

    [Fact]
    public void A_kept_tensor_of_the_outermost_scope_belongs_to_the_caller()
    {
        Tensor kept;
        using (var scope = new TensorScope()) kept = scope.Keep(Tensor.Ones(2));
        Expect.Equal([2], [1, 1], kept);
        kept.Dispose();
    }

    [Fact]
    public void Scopes_end_in_order_on_their_thread()
    {
        var outer = new TensorScope();
        var inner = new TensorScope();
        Assert.Throws<InvalidOperationException>(outer.Dispose);
        Exception? thrown = null;
        Tensor? elsewhere = null;
        var thread = new Thread(() =>
        {
            thrown = Record.Exception(inner.Dispose);
            elsewhere = Tensor.Zeros(1);
        });
        thread.Start();
        thread.Join();
        Assert.IsType<InvalidOperationException>(thrown);
        inner.Dispose();
        outer.Dispose();
        outer.Dispose();
        Assert.False(elsewhere!.IsClosed);
        elsewhere.Dispose();
    }

    [Fact]
    public void Forgotten_tensors_are_left_to_the_garbage_collector()
    {
        WeakReference Forget() => new(Tensor.Zeros(1));
        WeakReference forgotten = Forget();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.False(forgotten.IsAlive);
    }
}
