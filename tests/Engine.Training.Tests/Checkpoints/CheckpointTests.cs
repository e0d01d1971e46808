using Engine.Runtime.Weights;
using Engine.Training.Checkpoints;
using Engine.Training.Torch;
using Engine.Training.Torch.Layers;

namespace Engine.Training.Tests.Checkpoints;

public sealed class CheckpointTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("engine-checkpoint").FullName;

    private sealed record RunState(long Step, double LearningRate);

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private string Folder(string name = "run") => Path.Combine(_root, name);

    private sealed class Run : IDisposable
    {
        private readonly Tensor _x, _y;

        public Run(ulong seed)
        {
            var init = new WeightInitialiser(seed);
            Model = new Mlp(new Linear(init, 6, 32), new Linear(init, 32, 3));
            Optimizer = new AdamW(Model.Parameters(), 0.01);
            Average = new Ema(Model, 0.95, warmup: true);
            var data = new WeightInitialiser(77);
            (_x, _y) = (data.Normal(1, 16, 6), data.Normal(1, 16, 3));
        }

        public Mlp Model { get; }

        public AdamW Optimizer { get; }

        public Ema Average { get; }

        public float Step()
        {
            using var scope = new TensorScope();
            Tensor loss = Functional.MseLoss(Model.Forward(_x), _y);
            loss.Backward();
            Gradients.ClipNorm(Model.Parameters(), 0.1);
            Optimizer.Step();
            Optimizer.ZeroGrad();
            Average.Update();
            return loss.Item();
        }

        public void Dispose()
        {
            Model.Dispose();
            Optimizer.Dispose();
            Average.Dispose();
            _x.Dispose();
            _y.Dispose();
        }
    }

    [Fact]
    public void A_resumed_run_is_the_run_that_was_not_interrupted()
    {
        using var straight = new Run(1);
        for (int i = 0; i < 7; i++) straight.Step();
        Checkpoint.Save(
            Folder(),
            new Dictionary<string, IReadOnlyDictionary<string, Tensor>>
            {
                [Checkpoint.WeightsPart] = straight.Model.StateDict(),
                [Checkpoint.OptimizerPart] = straight.Optimizer.StateDict(),
                ["ema"] = straight.Average.StateDict(),
            },
            new RunState(7, straight.Optimizer.LearningRate));

        using var resumed = new Run(2);
        using (Checkpoint checkpoint = Checkpoint.Load(Folder()))
        {
            Assert.Equal(["ema", "optimizer", "weights"], checkpoint.Parts);
            RunState state = checkpoint.State<RunState>();
            Assert.Equal(new RunState(7, 0.01), state);
            resumed.Model.LoadStateDict(checkpoint.Weights);
            resumed.Optimizer.LoadStateDict(checkpoint.Optimizer);
            resumed.Average.Load(checkpoint.Part("ema"));
            resumed.Average.Updates = state.Step;
        }

        for (int i = 0; i < 7; i++) Assert.Equal(straight.Step(), resumed.Step());
        foreach (var (name, tensor) in straight.Model.StateDict()) Assert.Equal(tensor.ToArray(), resumed.Model.StateDict()[name].ToArray());
        foreach (var (name, tensor) in straight.Average.StateDict()) Assert.Equal(tensor.ToArray(), resumed.Average.StateDict()[name].ToArray());
        foreach (var (name, tensor) in straight.Optimizer.StateDict()) Assert.Equal(tensor.ToArray(), resumed.Optimizer.StateDict()[name].ToArray());
    }

    [Fact]
    public void An_optimizer_refuses_the_state_of_other_parameters()
    {
        using var run = new Run(1);
        using Tensor other = Tensor.Ones(3);
        using var optimizer = new AdamW([other], 0.1);
        Assert.Contains("exp_avg.1", Assert.Throws<ArgumentException>(() => optimizer.LoadStateDict(run.Optimizer.StateDict())).Message);
    }

    [Fact]
    public void A_new_checkpoint_replaces_the_old_one_and_leaves_nothing_behind()
    {
        using Tensor one = Tensor.Ones(1);
        var weights = new Dictionary<string, Tensor> { ["w"] = one };
        Assert.False(Checkpoint.Exists(Folder()));
        Assert.Throws<DirectoryNotFoundException>(() => Checkpoint.Load(Folder()));
        Checkpoint.Save(Folder(), weights, weights, new RunState(1, 0));
        Checkpoint.Save(Folder(), weights, null, new RunState(2, 0));
        Assert.True(Checkpoint.Exists(Folder()));
        using Checkpoint checkpoint = Checkpoint.Load(Folder());
        Assert.Equal(2, checkpoint.State<RunState>().Step);
        Assert.Contains("optimizer", Assert.Throws<InvalidDataException>(() => checkpoint.Optimizer).Message);
        Assert.Equal([Folder()], Directory.GetFileSystemEntries(_root));
        Assert.Equal(["state.json", "weights.safetensors"], Directory.GetFiles(Folder()).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void A_stop_between_the_two_renames_loses_nothing()
    {
        using Tensor one = Tensor.Ones(1);
        Checkpoint.Save(Folder(), new Dictionary<string, Tensor> { ["w"] = one }, null, new RunState(3, 0));
        Directory.Move(Folder(), Folder() + ".previous");
        Assert.True(Checkpoint.Exists(Folder()));
        using (Checkpoint checkpoint = Checkpoint.Load(Folder())) Assert.Equal(3, checkpoint.State<RunState>().Step);
        Checkpoint.Save(Folder(), new Dictionary<string, Tensor> { ["w"] = one }, null, new RunState(4, 0));
        using (Checkpoint checkpoint = Checkpoint.Load(Folder())) Assert.Equal(4, checkpoint.State<RunState>().Step);
        Assert.Equal([Folder()], Directory.GetFileSystemEntries(_root));
    }

    [Fact]
    public void A_failed_save_leaves_the_old_checkpoint()
    {
        using Tensor one = Tensor.Ones(1);
        var weights = new Dictionary<string, Tensor> { ["w"] = one };
        Checkpoint.Save(Folder(), weights, null, new RunState(1, 0));
        // JSON has no NaN.
        Assert.ThrowsAny<ArgumentException>(() => Checkpoint.Save(Folder(), weights, null, new RunState(2, double.NaN)));
        using (Checkpoint checkpoint = Checkpoint.Load(Folder())) Assert.Equal(1, checkpoint.State<RunState>().Step);
        Assert.Equal([Folder()], Directory.GetFileSystemEntries(_root));
        Assert.Throws<ArgumentException>(() => Checkpoint.Save(
            Folder(), new Dictionary<string, IReadOnlyDictionary<string, Tensor>> { ["../x"] = weights }, new RunState(1, 0)));
    }

    [Fact]
    public void A_folder_that_is_no_checkpoint_is_not_replaced()
    {
        Directory.CreateDirectory(Folder());
        File.WriteAllText(Path.Combine(Folder(), "notes.txt"), "mine");
        using Tensor one = Tensor.Ones(1);
        Assert.Throws<IOException>(() => Checkpoint.Save(Folder(), new Dictionary<string, Tensor> { ["w"] = one }, null, new RunState(1, 0)));
        Assert.True(File.Exists(Path.Combine(Folder(), "notes.txt")));
        Assert.Equal([Folder()], Directory.GetFileSystemEntries(_root));
    }

    [Fact]
    public void A_damaged_file_is_named()
    {
        using Tensor one = Tensor.Ones(100);
        Checkpoint.Save(Folder(), new Dictionary<string, Tensor> { ["w"] = one }, null, new RunState(1, 0));
        string file = Path.Combine(Folder(), "weights.safetensors");
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..^10]);
        Assert.Contains("weights.safetensors", Assert.Throws<InvalidDataException>(() => Checkpoint.Load(Folder())).Message);
    }

    [Fact]
    public void Every_type_survives_the_way_through_a_file()
    {
        using var scope = new TensorScope();
        Tensor numbers = Tensor.FromSpan([-1.5f, 0, 2], 3);
        var tensors = Enum.GetValues<ScalarType>().ToDictionary(type => $"{type}", type => type == ScalarType.UInt8 ? numbers.Abs().To(type) : numbers.To(type));
        tensors["transposed"] = Tensor.FromSpan([1f, 2f, 3f, 4f, 5f, 6f], 2, 3).Transpose(0, 1);
        tensors["empty"] = Tensor.Zeros(0, 4);
        tensors["scalar"] = Tensor.Full(4);
        string path = Path.Combine(_root, "all.safetensors");
        SafeTensors.Write(path, TensorConversion.ToNamedArrays(tensors));
        foreach (var (name, tensor) in TensorConversion.ToTensors(SafeTensors.Read(path)))
        {
            Assert.Equal(tensors[name].DType, tensor.DType);
            Assert.Equal(tensors[name].Shape, tensor.Shape);
            Assert.Equal(tensors[name].ToArray(), tensor.ToArray());
        }

        Assert.Equal(
            ScalarType.Float32, TensorConversion.ToTensor(new NamedArray(ElementType.Float16, [1], BitConverter.GetBytes((Half)1.5))).DType);
        Assert.Equal([7], TensorConversion.ToTensor(new NamedArray(ElementType.UInt16, [1], BitConverter.GetBytes((ushort)7))).ToInt64Array());
    }
}
