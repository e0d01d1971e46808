using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;

namespace Engine.Runtime.Tests.Datasets;

/// <summary>Small made-up episodes for tests of files.</summary>
internal static class SampleEpisodes
{
    public static DatasetInfo Info { get; } = new()
    {
        Source = "test",
        Cameras = [new CameraSpec("front", 4, 6), new CameraSpec("wrist", 3, 3)],
        StateNames = ["x (m)", "y (m)", "z (m)", "w", "qx", "qy", "qz", "gripper"],
        ActionNames = ["dx (m)", "dy (m)", "dz (m)", "droll (rad)", "dpitch (rad)", "dyaw (rad)", "gripper"],
        Embodiment = new EmbodimentSpec
        {
            StepLimit = [0.05f, 0.05f, 0.05f, 0.3f, 0.3f, 0.3f],
            PoseLow = [-1, -1, 0, -3, -3, -3],
            PoseHigh = [1, 1, 1, 3, 3, 3],
            ControlHz = 5,
        },
    };

    public static Episode Build(uint number, int steps = 5)
    {
        var random = new PhiloxRandom(new PhiloxKey(7, 900, number));
        return new Episode
        {
            Instruction = $"push the “red” block to place {number}",
            Task = "push",
            Actor = "expert",
            Seed = ulong.MaxValue - number,
            Success = number % 2 == 0,
            Terminated = number % 3 == 0,
            Images = Info.Cameras.ToDictionary(c => c.Name, c => Fill(new byte[(steps + 1) * c.Bytes])),
            States = Matrix(steps + 1, 8),
            Commands = Matrix(steps + 1, 7),
            Actions = Matrix(steps, 7),
            Progress = [.. Enumerable.Range(0, steps + 1).Select(i => i / (float)steps)],
        };

        byte[] Fill(byte[] bytes)
        {
            for (int i = 0; i < bytes.Length; i++) bytes[i] = (byte)random.NextInt(256);
            return bytes;
        }

        float[,] Matrix(int rows, int columns)
        {
            var matrix = new float[rows, columns];
            for (int i = 0; i < rows; i++)
            {
                for (int j = 0; j < columns; j++) matrix[i, j] = random.NextFloat(-1, 1);
            }

            return matrix;
        }
    }
}
