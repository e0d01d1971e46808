using System.Diagnostics;
using System.Text.Json;
using Engine.Client;
using Engine.Host.Evaluation;
using Engine.Runtime.Contract;
using Engine.Runtime.Weights;
using Engine.Simulation.Tabletop;

namespace Engine.Host.Realtime;

/// <summary>
/// The embedded simulator in a robot's place: its observations go to a policy server's pipe, the chunks that come back to a control tick's ring, and the
/// arm does what the tick publishes. A robot's own program has the same loop with its cameras and joints.
/// </summary>
public sealed class SimulatedRobot : IDisposable
{
    private static readonly int[] s_only = [0];
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(1);

    private readonly Func<PipeClient> _connect;
    private readonly Action<string> _note;
    private readonly TabletopEnvironment _world;
    private readonly float[] _position = new float[7];
    private readonly float[] _target = new float[7];
    private readonly float[] _action = new float[7];
    private PipeClient? _client;
    private long _lostAt;
    private ulong _tick;

    /// <summary>Connects to the server and makes the table its policy was trained on.</summary>
    /// <param name="connect">Connects to the server, again after it was lost.</param>
    /// <param name="note">What goes on, for people.</param>
    /// <exception cref="InvalidDataException">The policy does not fit the simulator.</exception>
    public SimulatedRobot(Func<PipeClient> connect, Action<string> note)
    {
        (_connect, _note) = (connect, note);
        _client = connect();
        try
        {
            Contract = JsonSerializer.Deserialize<PolicyContract>(_client.Contract, JsonFile.Options) ?? throw new InvalidDataException("the server's contract is null.");
            _world = new TabletopEnvironment(SimulatorContract.OptionsFor(Contract, 1) with { Threads = 1 });
        }
        catch
        {
            _client.Dispose();
            throw;
        }
    }

    /// <summary>The served policy's contract.</summary>
    public PolicyContract Contract { get; }

    /// <summary>Episodes that reached their goal.</summary>
    public int Successes { get; private set; }

    /// <summary>Runs episodes of a task; each begins with the arm stopped at the scene's start. Blocking.</summary>
    /// <exception cref="RealtimeException">The tick has ended.</exception>
    public void Run(ActionRing ring, string task, ulong seed, int episodes, CancellationToken cancellation)
    {
        for (int episode = 0; episode < episodes && !cancellation.IsCancellationRequested; episode++)
        {
            Begin(ring, new EpisodeSpec(task, TaskVariations.InDistribution, seed + (ulong)episode), cancellation);
            while (!cancellation.IsCancellationRequested && !_world.Terminated(0) && !_world.Truncated(0))
            {
                Ask(ring);
                for (int i = 0; i < Contract.ReplanEvery && !cancellation.IsCancellationRequested && !_world.Terminated(0) && !_world.Truncated(0); i++) Follow(ring);
            }

            if (_world.Terminated(0)) Successes++;
            _note($"episode {episode}: {_world.Instruction(0)}: {(_world.Terminated(0) ? "done" : _world.Truncated(0) ? "not done in time" : "stopped")}");
            ring.Stop();
            Rest(ring, cancellation);
        }
    }

    public void Dispose()
    {
        _client?.Dispose();
        _world.Dispose();
    }

    private static void Rest(ActionRing ring, CancellationToken cancellation)
    {
        var state = ring.ReadStatus();
        while (state.State is not (TickState.Waiting or TickState.Stopped) && !cancellation.IsCancellationRequested)
        {
            ring.Wait(state.Ticks, s_retry);
            state = ring.ReadStatus();
        }
    }

    private void Begin(ActionRing ring, EpisodeSpec spec, CancellationToken cancellation)
    {
        Rest(ring, cancellation);
        _world.Reset(s_only, [spec]);
        _world.Command(0, _position);
        ring.Anchor(_position);
        // The tick after the next one has certainly begun later than this.
        _tick = ring.ReadStatus().Ticks + 2;
        while (!ring.Wait(_tick - 1, s_retry) && !cancellation.IsCancellationRequested)
        {
        }

        if (!cancellation.IsCancellationRequested && !(ring.TryRead(out var publication) && publication.Position.SequenceEqual(_position)))
            throw new InvalidOperationException("the tick does not take the arm's position: something else moves it, or the position is outside the workspace.");
        Try(client =>
        {
            client.Instruction = _world.Instruction(0);
            client.Reset();
        });
        ring.Resume();
    }

    /// <summary>Newest observation → chunk → ring.</summary>
    private void Ask(ActionRing ring) => Try(client =>
    {
        long observed = (long)MonotonicClock.Nanoseconds;
        foreach (var camera in client.Layout.Cameras) _world.Render(s_only, camera.Name, client.Image(camera.Name));
        _world.State(0, client.State);
        client.Instruction = _world.Instruction(0);
        ring.Submit(client.Step(), observed);
    });

    /// <summary>Waits for the ticks of one action, moves the arm as far as they did, and says that the server lives.</summary>
    private void Follow(ActionRing ring)
    {
        int ticks = ring.Settings.TicksPerAction;
        if (ring.Wait(_tick + (ulong)ticks - 1, s_retry) && ring.TryRead(out var publication))
        {
            int actions = Math.Max(1, (int)((publication.Tick - _tick) / (ulong)ticks));
            _tick = publication.Tick;
            publication.Position.CopyTo(_target);
            // An arm that stands is not stepped: its time stops with it.
            for (int i = 0; i < actions && publication.Source != TickState.Stopped && !_world.Terminated(0) && !_world.Truncated(0); i++)
            {
                for (int d = 0; d < 6; d++) _action[d] = (_target[d] - _position[d]) / actions;
                _action[6] = _target[6];
                _world.Step(s_only, _action);
            }

            _target.CopyTo(_position, 0);
        }

        Try(client =>
        {
            client.Ping();
            ring.Beat();
        });
    }

    private void Try(Action<PipeClient> ask)
    {
        if (_client is null && Stopwatch.GetElapsedTime(_lostAt) < s_retry) return;
        try
        {
            if (_client is null)
            {
                _client = _connect();
                _note("the server is back");
            }

            ask(_client);
        }
        catch (PipeServerException refusal)
        {
            _note($"the server refused: {refusal.Message}");
        }
        catch (Exception error) when (error is IOException or TimeoutException or System.Net.Sockets.SocketException)
        {
            if (_client is not null) _note($"the server is lost, the tick stops the arm: {error.Message}");
            _client?.Dispose();
            _client = null;
            _lostAt = Stopwatch.GetTimestamp();
        }
    }
}
