using Engine.Runtime.Contract;

namespace Engine.Simulation.Tabletop;

/// <summary>
/// Measures one episode as INT-ACT does. Approaches, touches and displacements are looked at after every tick (100 Hz).
/// </summary>
/// <remarks>
/// <list type="bullet">
/// <item>Intention: the first object that the fingertips come within 6 cm of while getting nearer is the named one.</item>
/// <item>Wrong object: <c>reach</c>: the fingertips were at another object (as <see cref="TaskGoal.AtObject"/> says); <c>push</c>: a
/// finger touched an object that is neither the named one nor the destination; <c>pick</c>, <c>put</c>: both fingers held another
/// object, or the gripper was closed with another object nearest and within 4 cm of the fingertips.</item>
/// <item>Grasp: <c>reach</c>: the fingertips were at the named object; <c>push</c>: a finger touched it; <c>pick</c>, <c>put</c>: both
/// fingers touched it at the same time.</item>
/// <item>Move: the named object was more than 2 cm from its start while grasped in that sense (<c>push</c>: at any time after a
/// touch); never true for <c>reach</c>.</item>
/// </list>
/// </remarks>
internal sealed class EpisodeTracker
{
    private const double ApproachDistance = 0.06, GraspRange = 0.04, MoveDistance = 0.02;
    private const double ApproachPerTick = 1e-4;
    private double[] _distances = [];
    private double[] _starts = [];
    private int _approached = -1;
    private bool _wrong, _grasp, _move, _ever;
    private bool _wasOpen;

    public void Begin(TabletopSnapshot now)
    {
        int n = now.Yaws.Length;
        if (_distances.Length != n) _distances = new double[n];
        _starts = now.Positions.Length == _starts.Length ? _starts : new double[now.Positions.Length];
        now.Positions.CopyTo(_starts, 0);
        for (int i = 0; i < n; i++) _distances[i] = TaskGoal.Distance(now, i);
        _approached = -1;
        _wrong = _grasp = _move = _ever = false;
        _wasOpen = true;
    }

    public void Tick(TabletopSnapshot now)
    {
        int x = now.Layout.Target, y = now.Layout.Destination;
        string task = now.Layout.Task;
        int nearest = 0;
        for (int i = 0; i < _distances.Length; i++)
        {
            double distance = TaskGoal.Distance(now, i);
            if (_approached < 0 && distance < ApproachDistance && distance < _distances[i] - ApproachPerTick) _approached = i;
            _distances[i] = distance;
            if (distance < _distances[nearest]) nearest = i;
            bool held = task switch
            {
                "reach" => TaskGoal.AtObject(now, i),
                "push" => now.Touched[i],
                _ => now.Held[i],
            };
            if (!held) continue;
            if (i == x) _grasp = true;
            else if (task != "push" || i != y) _wrong = true;
            if (i == x && task is "pick" or "put") _move |= Moved(now, x);
        }

        bool open = now.Command[6] > 0.5f;
        if (_wasOpen && !open && task is "pick" or "put" && nearest != x && _distances[nearest] < GraspRange) _wrong = true;
        _wasOpen = open;
        if (task == "push" && _grasp) _move |= Moved(now, x);
    }

    public void StepDone(bool reached) => _ever |= reached;

    public EpisodeOutcome Outcome(TabletopSnapshot now, bool success) => new()
    {
        Success = success,
        EverSuccess = _ever,
        Intention = _approached == now.Layout.Target,
        WrongObject = _wrong,
        Grasp = _grasp,
        Move = _move,
        Steps = now.Steps,
    };

    private bool Moved(TabletopSnapshot now, int item)
    {
        double x = now.Positions[3 * item] - _starts[3 * item], y = now.Positions[3 * item + 1] - _starts[3 * item + 1];
        double z = now.Positions[3 * item + 2] - _starts[3 * item + 2];
        return x * x + y * y + z * z > MoveDistance * MoveDistance;
    }
}
