using System.Globalization;

namespace Engine.Runtime.Weights;

/// <summary>The header of a <c>.npy</c> array: a Python dictionary literal with the keys descr, fortran_order and shape.</summary>
internal readonly record struct NpyHeader(ElementType Type, bool BigEndian, bool FortranOrder, long[] Shape)
{
    private const int MaxRank = 64;

    /// <summary>Reads the literal; <paramref name="name"/> is for messages.</summary>
    public static NpyHeader Parse(string text, string name)
    {
        int at = 0;
        string? descriptor = null;
        bool? fortran = null;
        long[]? shape = null;
        Expect('{');
        while (true)
        {
            Skip();
            if (Peek() == '}') break;
            string key = Quoted();
            Expect(':');
            Skip();
            switch (key)
            {
                case "descr" when descriptor is null:
                    if (Peek() is not ('\'' or '"')) throw Invalid("it holds structures, which cannot be read");
                    descriptor = Quoted();
                    break;
                case "fortran_order" when fortran is null:
                    fortran = Flag();
                    break;
                case "shape" when shape is null:
                    shape = Tuple();
                    break;
                default:
                    throw Invalid($"its header has an unexpected key '{key}'");
            }

            Skip();
            if (Peek() == ',') at++;
        }

        if (descriptor is null || fortran is null || shape is null) throw Invalid("its header lacks descr, fortran_order or shape");
        if (!ElementTypes.TryFromNpy(descriptor, out var type, out bool swapped))
            throw Invalid($"it holds elements of type '{descriptor}', which cannot be read (plain numbers and booleans can)");
        return new NpyHeader(type, swapped, fortran.Value, shape);

        InvalidDataException Invalid(string what) => new($"{name}: {what}");

        char Peek() => at < text.Length ? text[at] : throw Invalid("its .npy header ends too early");

        void Skip()
        {
            while (at < text.Length && text[at] is ' ' or '\n' or '\t' or '\r') at++;
        }

        void Expect(char wanted)
        {
            Skip();
            if (Peek() != wanted) throw Invalid($"its .npy header has '{Peek()}' where '{wanted}' belongs");
            at++;
        }

        string Quoted()
        {
            Skip();
            char quote = Peek();
            if (quote is not ('\'' or '"')) throw Invalid("its .npy header lacks a quoted word");
            int end = text.IndexOf(quote, at + 1);
            if (end < 0) throw Invalid("its .npy header has an open quotation");
            string word = text[(at + 1)..end];
            at = end + 1;
            return word;
        }

        bool Flag()
        {
            foreach ((string word, bool value) in new[] { ("True", true), ("False", false) })
            {
                if (!text.AsSpan(at).StartsWith(word, StringComparison.Ordinal)) continue;
                at += word.Length;
                return value;
            }

            throw Invalid("its fortran_order is neither True nor False");
        }

        long[] Tuple()
        {
            var dimensions = new List<long>();
            Expect('(');
            while (true)
            {
                Skip();
                if (Peek() == ')') break;
                int start = at;
                while (char.IsAsciiDigit(Peek())) at++;
                if (!long.TryParse(text.AsSpan(start, at - start), NumberStyles.None, CultureInfo.InvariantCulture, out long dimension))
                    throw Invalid("its shape holds something that is no dimension");
                if (dimensions.Count == MaxRank) throw Invalid($"its shape has more than {MaxRank} dimensions");
                dimensions.Add(dimension);
                Skip();
                if (Peek() == ',') at++;
                else if (Peek() != ')') throw Invalid("its shape is no tuple of numbers");
            }

            at++;
            return [.. dimensions];
        }
    }
}
