namespace Engine.Simulation.Tabletop;

/// <summary>What the scripted expert remembers within one episode.</summary>
public struct ExpertMemory
{
    /// <summary>Control steps since the gripper was told to close; 0 while it is open.</summary>
    public int ClosedFor { get; set; }

    /// <summary>The named object has been let go over its destination.</summary>
    public bool Released { get; set; }

    /// <summary>The gripper is low and behind the object that it pushes.</summary>
    public bool Behind { get; set; }
}
