using System.Reflection;
using System.Text.RegularExpressions;

namespace Engine.Host.Tests.Serving;

/// <summary>docs/security.md names a test for each of its promises.</summary>
public sealed partial class SecurityDocumentTests
{
    [Fact]
    public void Every_test_that_the_document_names_is_there()
    {
        var classes = typeof(SecurityDocumentTests).Assembly.GetTypes().Where(t => t.IsPublic).ToDictionary(t => t.Name);
        string[] methods = [.. classes.Values.SelectMany(t => t.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)).Select(m => m.Name)];
        string text = File.ReadAllText(Document());
        string[] named = [.. ClassNames().Matches(text).Select(m => m.Value).Distinct()], tests = [.. TestNames().Matches(text).Select(m => m.Value).Distinct()];
        Assert.InRange(named.Length, 10, 100);
        Assert.InRange(tests.Length, 30, 200);
        Assert.DoesNotContain(named, name => !classes.ContainsKey(name));

        // A name that ends with … is a beginning.
        Assert.DoesNotContain(tests, test => !methods.Any(m => test.EndsWith('…') ? m.StartsWith(test.TrimEnd('…'), StringComparison.Ordinal) : m == test));
    }

    [GeneratedRegex(@"\b[A-Z]\w*Tests\b")]
    private static partial Regex ClassNames();

    [GeneratedRegex(@"\b[A-Z][a-z]*_\w+…?")]
    private static partial Regex TestNames();

    private static string Document()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, "docs", "security.md");
            if (File.Exists(path)) return path;
        }

        throw new FileNotFoundException("no docs/security.md above the test program");
    }
}
