using Engine.Host.Commands;
using Engine.Host.Configuration;
using Engine.Simulation.Evaluation;

namespace Engine.Host.Evaluation;

/// <summary>Finds and reads evaluation suites: YAML files of <see cref="EvaluationSuite"/>, the shipped ones by name.</summary>
public static class SuiteFiles
{
    private static readonly string[] Extensions = [".yaml", ".yml"];

    /// <summary>Names of the suites in <c>configs/evaluation</c>, of the working directory and of the checkout.</summary>
    public static IReadOnlyList<string> Names => [.. Folders
        .Where(Directory.Exists)
        .SelectMany(folder => Directory.EnumerateFiles(folder, "*.yaml"))
        .Select(file => Path.GetFileNameWithoutExtension(file))
        .Distinct()
        .Order(StringComparer.Ordinal)];

    private static IEnumerable<string> Folders => new[] { Directory.GetCurrentDirectory(), VerbContext.Checkout }
        .OfType<string>()
        .Select(root => Path.Combine(root, "configs", "evaluation"))
        .Distinct();

    /// <summary>Reads a suite by name or from a file.</summary>
    /// <exception cref="FileNotFoundException">There is no such suite; the message lists the shipped ones.</exception>
    /// <exception cref="ConfigurationException">The file is wrong; the message says where, with line and column.</exception>
    public static EvaluationSuite Read(string nameOrFile)
    {
        string path = Find(nameOrFile);
        var suite = ConfigurationLoader.Load<EvaluationSuite>(path, []);
        return suite.Name.Length > 0 ? suite : suite with { Name = Path.GetFileNameWithoutExtension(path) };
    }

    private static string Find(string nameOrFile)
    {
        if (Extensions.Contains(Path.GetExtension(nameOrFile)) || nameOrFile.Contains('/', StringComparison.Ordinal)) return nameOrFile;
        foreach (string folder in Folders)
        {
            string file = Path.Combine(folder, nameOrFile + ".yaml");
            if (File.Exists(file)) return file;
        }

        var names = Names;
        string known = names.Count > 0 ? $"Known suites: {string.Join(", ", names)}; or name a YAML file." : "Name a YAML file.";
        throw new FileNotFoundException($"There is no suite '{nameOrFile}'.{NearestName.Question(nameOrFile, names)} {known}", nameOrFile);
    }
}
