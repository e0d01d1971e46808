using Engine.Host.Commands;
using Engine.Host.Tests.Reports;
using Engine.Runtime.Contract;
using Engine.Runtime.Datasets;

namespace Engine.Host.Tests.Commands;

public sealed class DataShowTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("engine-data-").FullName;
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_data_directory_is_summed_up_and_drawn()
    {
        Fill("data", 5);
        string film = Path.Combine(_folder, "film.gif");
        Assert.Equal(0, await Show("data", "--episodes", "3", "--columns", "4", "--scale", "1", "--camera", "wrist", "--gif", film));
        string text = _output.ToString();
        Assert.Contains("5 episodes, 25 steps, source tabletop", text, StringComparison.Ordinal);
        Assert.Contains("top 8×6, wrist 10×4", text, StringComparison.Ordinal);
        Assert.Matches(@"reach +expert +in_distribution +5 +3 \(60 %\) +3 5 7 +5", text);
        Assert.Matches(@"state +x \(m\) +0 +7", text);
        byte[] sheet = File.ReadAllBytes(Path.Combine(_folder, "data", "contact-sheet.png"));
        // Three strips of 14 + 4 pixels, 8 apart, title and margins.
        Assert.Equal(2 * 10 + 24 + 3 * (14 + 4 + 8) - 8, sheet[20] << 24 | sheet[21] << 16 | sheet[22] << 8 | sheet[23]);
        Assert.NotEmpty(Ffmpeg.Decode(sheet, "png"));
        Assert.NotEmpty(Ffmpeg.Decode(File.ReadAllBytes(film), "gif"));
    }

    [Theory]
    [InlineData(2, "--camera", "nose", "there is no camera 'nose'; the data set has: top, wrist")]
    [InlineData(2, "--columns", "1", "--columns is 1; expected 2 … 100")]
    [InlineData(1, "--task", "push", "no episode fits the choice; the data set has the tasks reach and 2 failed episodes")]
    public async Task A_choice_that_cannot_be_is_said(int status, string option, string value, string message)
    {
        Fill("data", 5);
        Assert.Equal(status, await Show("data", option, value));
        Assert.Contains(message, _error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Directories_that_hold_nothing_and_broken_episodes_are_one_sentence()
    {
        Assert.Equal(1, await Show("nowhere"));
        Assert.Contains("there is no such directory", _error.ToString(), StringComparison.Ordinal);
        Assert.Single(_error.ToString().Trim().Split('\n'));

        Fill("data", 2);
        string episode = EpisodeStore.Open(Path.Combine(_folder, "data")).PathOf(1);
        File.WriteAllBytes(episode, File.ReadAllBytes(episode)[..200]);
        _error.GetStringBuilder().Clear();
        Assert.Equal(1, await Show("data", "--quiet"));
        Assert.Contains(Path.GetFileName(episode), _error.ToString(), StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_folder, "data", "contact-sheet.png")));
    }

    private Task<int> Show(string name, params string[] arguments) =>
        CommandLine.RunAsync(["data", "show", Path.Combine(_folder, name), .. arguments], _output, _error);

    private void Fill(string name, int episodes)
    {
        CameraSpec[] cameras = [new("top", 6, 8), new("wrist", 4, 10)];
        var store = EpisodeStore.Create(Path.Combine(_folder, name), new DatasetInfo
        {
            Source = "tabletop",
            Cameras = cameras,
            StateNames = ["x (m)", "y (m)", "z (m)", "qw", "qx", "qy", "qz", "gripper"],
            ActionNames = ["dx (m)", "dy (m)", "dz (m)", "droll (rad)", "dpitch (rad)", "dyaw (rad)", "gripper"],
            Embodiment = new EmbodimentSpec
            {
                StepLimit = [1, 1, 1, 1, 1, 1],
                PoseLow = [-9, -9, -9, -9, -9, -9],
                PoseHigh = [9, 9, 9, 9, 9, 9],
                ControlHz = 5,
            },
        });
        for (int i = 0; i < episodes; i++)
        {
            int steps = 3 + i;
            var states = new float[steps + 1, 8];
            for (int t = 0; t <= steps; t++) states[t, 0] = t;
            store.Append(new Episode
            {
                Instruction = $"reach object {i}",
                Task = "reach",
                Actor = "expert",
                Seed = (ulong)i,
                Success = i % 2 == 0,
                Terminated = true,
                Images = cameras.ToDictionary(camera => camera.Name, camera => TestPictures.Noise(camera.Width, camera.Height * (steps + 1), (ulong)i)),
                States = states,
                Commands = new float[steps + 1, 7],
                Actions = new float[steps, 7],
                Progress = [],
            });
        }
    }
}
