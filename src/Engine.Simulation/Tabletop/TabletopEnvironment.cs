using Engine.Runtime.Contract;
using Engine.Simulation.MuJoCo;

namespace Engine.Simulation.Tabletop;

/// <summary>
/// Tables with a seven-joint arm, coloured objects and two cameras, simulated by MuJoCo. Physics and drawing are spread over a fixed
/// set of threads, each with a GL context of its own. An episode is a pure function of its <see cref="EpisodeSpec"/> and the actions.
/// </summary>
/// <remarks>
/// Frame: x towards the front camera, y to the right in its picture, z up from the table's surface; the arm stands at x = −0.53 m.
/// Cameras: <c>front</c> looks back at the arm from above; <c>wrist</c> is on the hand.
/// </remarks>
public sealed class TabletopEnvironment : IVectorEnvironment
{
    private readonly TabletopOptions _options;
    private readonly SceneModelCache _models;
    private readonly TabletopSimulation[] _simulations;
    private readonly WorkerThreads<MujocoRenderer> _threads;
    private readonly int[] _active;
    private readonly bool[] _seen;
    private readonly EpisodeSpec[] _specs;
    private readonly float[] _actions;
    private readonly Action<int, Lazy<MujocoRenderer>> _resetJob, _stepJob, _drawJob;
    private int[] _cameras = [];
    private unsafe byte* _images;
    private int _activeCount;

    /// <summary>Makes the environments; each must be reset before it is used.</summary>
    /// <exception cref="ArgumentException">An option is out of range; the message says which.</exception>
    /// <exception cref="DllNotFoundException">The simulator's library is absent.</exception>
    public TabletopEnvironment(TabletopOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Count);
        ArgumentOutOfRangeException.ThrowIfNegative(options.Threads);
        if (options.Height is < 8 or > 1024 || options.Width is < 8 or > 1024)
            throw new ArgumentException($"Images are {options.Height} × {options.Width} pixels; 8 to 1024 are possible.", nameof(options));
        if (options.Supersample is < 1 or > 4)
            throw new ArgumentException($"Supersample is {options.Supersample}; 1 to 4 are possible.", nameof(options));
        foreach (string camera in options.Cameras) _ = CameraIndex(camera);
        MujocoLibrary.Ensure();

        _options = options;
        _models = new SceneModelCache(options.Shadows);
        _simulations = new TabletopSimulation[options.Count];
        for (int i = 0; i < _simulations.Length; i++) _simulations[i] = new TabletopSimulation(_models);
        _active = new int[options.Count];
        _seen = new bool[options.Count];
        _specs = new EpisodeSpec[options.Count];
        _actions = new float[7 * options.Count];
        _resetJob = (i, _) => _simulations[_active[i]].Reset(_specs[i]);
        _stepJob = (i, _) => StepOne(i);
        _drawJob = DrawOne;
        Info = new DatasetInfo
        {
            Source = "tabletop",
            Cameras = [.. options.Cameras.Select(name => new CameraSpec(name, options.Height, options.Width))],
            StateNames = TabletopEmbodiment.StateNames,
            ActionNames = TabletopEmbodiment.ActionNames,
            Embodiment = TabletopEmbodiment.Spec,
        };
        int threads = options.Threads > 0 ? options.Threads : Environment.ProcessorCount;
        _threads = new WorkerThreads<MujocoRenderer>(Math.Min(threads, options.Count), "tabletop", MakeRenderer);
    }

    /// <inheritdoc/>
    public int Count => _simulations.Length;

    /// <inheritdoc/>
    public DatasetInfo Info { get; }

    /// <summary>Bytes that the physical state of one environment takes.</summary>
    public long StateBytes(int environment) => At(environment).Data.Bytes;

    /// <inheritdoc/>
    public void Reset(ReadOnlySpan<int> environments, ReadOnlySpan<EpisodeSpec> specs)
    {
        if (specs.Length != environments.Length)
            throw new ArgumentException($"{environments.Length} environments need as many specs, got {specs.Length}.", nameof(specs));
        foreach (var spec in specs)
        {
            _ = TaskFamily.Find(spec.Task);
            _ = TaskVariations.IndexOf(spec.Variation);
        }

        Select(environments);
        specs.CopyTo(_specs);
        _threads.Run(_activeCount, _resetJob);
    }

    /// <inheritdoc/>
    public void Step(ReadOnlySpan<int> environments, ReadOnlySpan<float> actions)
    {
        if (actions.Length != 7 * environments.Length)
        {
            throw new ArgumentException(
                $"Actions are [{environments.Length}, 7] = {7 * environments.Length} numbers, got {actions.Length}.", nameof(actions));
        }

        for (int i = 0; i < actions.Length; i++)
        {
            if (!float.IsFinite(actions[i])) throw new ArgumentException($"Action {i / 7}, number {i % 7} is {actions[i]}.", nameof(actions));
        }

        Select(environments);
        foreach (int environment in environments)
        {
            var simulation = At(environment);
            if (simulation.Terminated || simulation.Truncated)
                throw new InvalidOperationException($"Episode of environment {environment} ({simulation.Spec}) is finished: reset it first.");
        }

        actions.CopyTo(_actions);
        _threads.Run(_activeCount, _stepJob);
    }

    /// <inheritdoc/>
    public string Instruction(int environment) => At(environment).Now.Layout.Instruction;

    /// <inheritdoc/>
    public void Render(ReadOnlySpan<int> environments, string camera, Span<byte> images) => Render(environments, [camera], images);

    /// <summary>Renders several cameras of several environments, in parallel, into u8 [n, cameras, H, W, 3].</summary>
    /// <exception cref="ArgumentException">A camera is unknown or the destination has the wrong size.</exception>
    public unsafe void Render(ReadOnlySpan<int> environments, ReadOnlySpan<string> cameras, Span<byte> images)
    {
        if (_cameras.Length != cameras.Length) _cameras = new int[cameras.Length];
        for (int c = 0; c < cameras.Length; c++) _cameras[c] = CameraIndex(cameras[c]);
        int bytes = _options.Height * _options.Width * 3;
        if (images.Length != environments.Length * cameras.Length * bytes)
        {
            throw new ArgumentException(
                $"Images are [{environments.Length}, {cameras.Length}, {_options.Height}, {_options.Width}, 3] = "
                + $"{environments.Length * cameras.Length * bytes} bytes, got {images.Length}.",
                nameof(images));
        }

        Select(environments);
        foreach (int environment in environments) _ = At(environment);
        fixed (byte* pointer = images)
        {
            _images = pointer;
            _threads.Run(_activeCount, _drawJob);
            _images = null;
        }
    }

    /// <inheritdoc/>
    public void State(int environment, Span<float> state)
    {
        if (state.Length != 8) throw new ArgumentException($"A state has 8 numbers, got {state.Length}.", nameof(state));
        At(environment).State(state);
    }

    /// <inheritdoc/>
    public void Command(int environment, Span<float> command)
    {
        if (command.Length != 7) throw new ArgumentException($"A command has 7 numbers, got {command.Length}.", nameof(command));
        At(environment).Now.Command.CopyTo(command);
    }

    /// <inheritdoc/>
    public float Progress(int environment) => At(environment).Progress();

    /// <inheritdoc/>
    public bool Terminated(int environment) => At(environment).Terminated;

    /// <inheritdoc/>
    public bool Truncated(int environment) => At(environment).Truncated;

    /// <inheritdoc/>
    public EpisodeOutcome Outcome(int environment) => At(environment).Outcome();

    /// <summary>What the episode was reset to.</summary>
    public EpisodeSpec Spec(int environment) => At(environment).Spec!;

    /// <summary>Exact poses, for scripted experts and tests; overwritten by the next step.</summary>
    public TabletopSnapshot Snapshot(int environment) => At(environment).Now;

    /// <summary>All positions and velocities of the physics, for comparing runs bit for bit.</summary>
    public double[] PhysicalState(int environment)
    {
        var data = At(environment).Data;
        return [.. data.Qpos, .. data.Qvel];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _threads.Dispose();
        foreach (var simulation in _simulations) simulation.Dispose();
        _models.Dispose();
    }

    private static int CameraIndex(string name) => name switch
    {
        "front" => 0,
        "wrist" => 1,
        _ => throw new ArgumentException($"Camera '{name}' is unknown. Known cameras: front, wrist."),
    };

    private TabletopSimulation At(int environment)
    {
        if ((uint)environment >= (uint)_simulations.Length)
            throw new ArgumentOutOfRangeException(nameof(environment), environment, $"There are {_simulations.Length} environments.");
        var simulation = _simulations[environment];
        return simulation.Spec is null
            ? throw new InvalidOperationException($"Environment {environment} has not been reset yet.")
            : simulation;
    }

    private void Select(ReadOnlySpan<int> environments)
    {
        if (environments.Length > Count)
            throw new ArgumentException($"{environments.Length} environments are named, there are {Count}.", nameof(environments));
        Array.Clear(_seen);
        foreach (int environment in environments)
        {
            if ((uint)environment >= (uint)Count)
                throw new ArgumentOutOfRangeException(nameof(environments), environment, $"There are {Count} environments.");
            if (_seen[environment]) throw new ArgumentException($"Environment {environment} is named twice.", nameof(environments));
            _seen[environment] = true;
        }

        environments.CopyTo(_active);
        _activeCount = environments.Length;
    }

    private void StepOne(int i)
    {
        var simulation = _simulations[_active[i]];
        try
        {
            simulation.Step(_actions.AsSpan(7 * i, 7));
        }
        catch (MujocoException exception)
        {
            throw new MujocoException(exception.Status, $"Environment {_active[i]} ({simulation.Spec}), step {simulation.Now.Steps}: {exception.Message}");
        }
    }

    private unsafe void DrawOne(int i, Lazy<MujocoRenderer> renderer)
    {
        var simulation = _simulations[_active[i]];
        int bytes = _options.Height * _options.Width * 3 * _cameras.Length;
        Span<int> ids = stackalloc int[_cameras.Length];
        for (int c = 0; c < ids.Length; c++) ids[c] = _cameras[c] == 0 ? simulation.Scene.Front : simulation.Scene.Wrist;
        renderer.Value.Draw(simulation.Data, simulation.Look, ids, _options.Height, _options.Width, new Span<byte>(_images + (long)i * bytes, bytes));
    }

    private MujocoRenderer MakeRenderer() =>
        new(_models.Get([ObjectShape.Cube]).Model, _options.Height, _options.Width, _options.Supersample);
}
