namespace Engine.Host.Tests.Progress;

/// <summary>A clock that stands until it is moved.</summary>
internal sealed class ManualTime : TimeProvider
{
    private long _ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _ticks;

    public void Move(double seconds) => _ticks += TimeSpan.FromSeconds(seconds).Ticks;
}
