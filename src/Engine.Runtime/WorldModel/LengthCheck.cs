namespace Engine.Runtime.WorldModel;

/// <summary>Checks of span lengths at the public edge.</summary>
internal static class LengthCheck
{
    public static void Exactly(string name, int length, long count, long each, string meaning)
    {
        if (length != count * each) throw new ArgumentException($"{name} must hold {meaning}: {count} × {each} = {count * each} numbers, it holds {length}.", name);
    }
}
