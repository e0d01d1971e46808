namespace Engine.Kernels.Threading;

/// <summary>Work that several threads do together, each knowing its number.</summary>
public interface IParallelJob
{
    /// <summary>Does part <paramref name="index"/> of <paramref name="count"/>. All parts run at the same time; with a count of 1 the one part is everything.</summary>
    void Execute(int index, int count);
}
