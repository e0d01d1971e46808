namespace Engine.Host.Serving;

/// <summary>What a session does with actions beyond the contract's step limits or workspace.</summary>
public enum LimitMode
{
    /// <summary>They are sent as they are: whoever moves the robot checks them.</summary>
    None,

    /// <summary>They are moved to the nearest allowed ones, and counted.</summary>
    Clamp,

    /// <summary>The chunk is withheld, counted and answered with an error.</summary>
    Refuse,
}
