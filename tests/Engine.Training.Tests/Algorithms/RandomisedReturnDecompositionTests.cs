using Engine.Kernels.Ops.Philox;
using Engine.Training.Algorithms;
using Engine.Training.Torch;
using Engine.Training.Torch.Layers;

namespace Engine.Training.Tests.Algorithms;

public sealed class RandomisedReturnDecompositionTests
{
    [Fact]
    public void Both_forms_and_their_gradients_are_those_of_the_golden_file()
    {
        int cases = 0;
        foreach (GoldenTensors golden in GoldenTensors.Cases("rrd_loss.npz").Where(c => c.Has("r_hat_drawn")))
        {
            cases++;
            foreach (var (name, form) in new[] { ("stilwell", ReturnDecompositionForm.MeanReward), ("imagineact", ReturnDecompositionForm.EpisodeReturn) })
            {
                foreach (bool correction in new[] { true, false })
                {
                    using var scope = new TensorScope();
                    Tensor predicted = golden.Tensor("r_hat_drawn");
                    predicted.RequiresGrad = true;
                    int[] lengths = golden.Ints("ep_len");
                    ReturnDecompositionLoss loss =
                        RandomisedReturnDecomposition.Loss(predicted, lengths, golden.Floats("episode_return"), form, correction);
                    golden.Near($"{name}.loss", loss.Fit, 1e-6, 1e-5);
                    if (correction) golden.Near($"{name}.var", loss.Variance, 1e-7, 1e-5);
                    golden.Near(correction ? $"{name}.total_bias_corrected" : $"{name}.loss", loss.Total, 1e-6, 1e-5);
                    loss.Total.Backward();
                    golden.Near(correction ? $"{name}.grad_bias_corrected" : $"{name}.grad", predicted.Grad!, 1e-6, 1e-5);
                }
            }
        }

        Assert.True(cases >= 2, $"{cases} cases");
    }

    [Fact]
    public void The_gradient_reaches_the_weights_of_a_network()
    {
        GoldenTensors golden = GoldenTensors.Cases("rrd_loss.npz").Single(c => c.Name == "mlp.");
        using var scope = new TensorScope();
        using var network = new Mlp(
            new Linear(golden.Tensor("w.fc1.weight"), golden.Tensor("w.fc1.bias")),
            new Linear(golden.Tensor("w.fc2.weight"), golden.Tensor("w.fc2.bias")),
            new Linear(golden.Tensor("w.fc3.weight"), golden.Tensor("w.fc3.bias")));
        Tensor obs = golden.Tensor("obs");
        Tensor output = network.Forward(Tensor.Cat(-1, obs, golden.Tensor("acts"), obs - golden.Tensor("obs_next")));
        golden.Near("out", output, 1e-5, 1e-5);
        int[] lengths = [.. golden.Floats("ep_len").Select(v => (int)v)];
        ReturnDecompositionLoss loss = RandomisedReturnDecomposition.Loss(
            output.Squeeze(-1), lengths, golden.Floats("episode_return"), ReturnDecompositionForm.EpisodeReturn);
        golden.Near("loss", loss.Fit, 1e-5, 1e-5);
        golden.Near("var", loss.Variance, 1e-7, 1e-5);
        loss.Total.Backward();
        Dictionary<string, Tensor> gradients = golden.Under("grad.");
        Assert.NotEmpty(gradients);
        foreach (var (name, parameter) in network.NamedParameters())
        {
            string published = name.Replace("0.", "fc1.").Replace("2.", "fc2.").Replace("4.", "fc3.");
            if (!gradients.TryGetValue(published, out Tensor? expected)) continue;
            golden.Near("grad." + published, parameter.Grad!, 1e-4 * expected.Abs().Max().Item());
        }
    }

    [Fact]
    public void Short_episodes_count_only_their_own_steps()
    {
        using var scope = new TensorScope();
        Tensor predicted = Tensor.FromSpan([1f, 3f, 99f, 2f, 4f, 9f], 2, 3);
        predicted.RequiresGrad = true;
        // Episode 0 has two steps, both drawn: (4/2 − 2)² = 0, no variance. Episode 1: mean 5, target 60/10 = 6.
        ReturnDecompositionLoss loss = RandomisedReturnDecomposition.Loss(predicted, [2, 10], [4, 60]);
        Assert.Equal(0.5f, loss.Fit.Item(), 1e-6f);
        Assert.Equal((1 - 0.3f) / 3 * (9 + 1 + 16) / 2 / 2, loss.Variance.Item(), 1e-5f);
        loss.Total.Backward();
        Assert.Equal(0, predicted.Grad!.ToArray()[2]);
    }

    [Fact]
    public void The_correction_makes_the_loss_unbiased()
    {
        // Over all draws of 2 of 5 steps the corrected loss averages to the loss over all steps.
        using var scope = new TensorScope();
        float[] rewards = [0.3f, -1.2f, 2f, 0.7f, 0.1f];
        double sum = 0;
        int draws = 0;
        for (int i = 0; i < 5; i++)
        {
            for (int j = i + 1; j < 5; j++, draws++)
                sum += RandomisedReturnDecomposition.Loss(Tensor.FromSpan([rewards[i], rewards[j]], 1, 2), [5], [4]).Total.Item();
        }

        double whole = Math.Pow(4.0 / 5 - rewards.Average(), 2);
        Assert.Equal(whole, sum / draws, 1e-6);
    }

    [Fact]
    public void Draws_are_distinct_and_even()
    {
        var counts = new int[10];
        var drawn = new long[4];
        for (uint episode = 0; episode < 5000; episode++)
        {
            Assert.Equal(4, RandomisedReturnDecomposition.Draw(new PhiloxKey(1, PhiloxStream.RewardDraw, Episode: episode), 10, drawn));
            Assert.Equal(4, drawn.Distinct().Count());
            foreach (long step in drawn) counts[step]++;
        }

        Assert.All(counts, count => Assert.InRange(count, 1850, 2150));
        var room = new long[] { 7, 7, 7, 7, 7 };
        Assert.Equal(3, RandomisedReturnDecomposition.Draw(new PhiloxKey(1, PhiloxStream.RewardDraw), 3, room));
        Assert.Equal([0, 1, 2], room[..3].Order());
        Assert.Equal([0, 0], room[3..]);
    }

    [Fact]
    public void Batches_that_do_not_fit_are_refused()
    {
        using var scope = new TensorScope();
        Assert.Throws<ArgumentException>(() => RandomisedReturnDecomposition.Loss(Tensor.Zeros(2, 3, 1), [5, 5], [1, 1]));
        Assert.Throws<ArgumentException>(() => RandomisedReturnDecomposition.Loss(Tensor.Zeros(2, 3), [5], [1, 1]));
        Assert.Throws<ArgumentException>(() => RandomisedReturnDecomposition.Loss(Tensor.Zeros(1, 3), [0], [1]));
        Assert.Throws<ArgumentException>(() => RandomisedReturnDecomposition.Loss(Tensor.Zeros(1, 1), [5], [1]));
        Assert.Equal(1, RandomisedReturnDecomposition.Loss(Tensor.Zeros(1, 1), [1], [1]).Total.Item());
        Assert.Equal(0.04f, RandomisedReturnDecomposition.Loss(Tensor.Zeros(1, 1), [5], [1], biasCorrection: false).Total.Item(), 1e-6f);
    }
}
