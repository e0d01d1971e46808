using System.Diagnostics;
using Engine.Host.Serving.MsgPack;
using Engine.Runtime.Weights;

namespace Engine.Host.Serving.LeRobot;

/// <summary>A client's <c>TimedObservation</c>, its raw values brought into the form that <see cref="ObservationReader"/> checks.</summary>
/// <param name="Timestamp">When it was taken (s, Unix time).</param>
/// <param name="Timestep">Number of the action that the robot carried out last.</param>
/// <param name="MustGo">The robot has run out of actions.</param>
/// <param name="Map">State, images and instruction.</param>
/// <param name="Module">Module of the client's classes.</param>
/// <param name="Received">When it was complete, on <see cref="Stopwatch"/>.</param>
internal sealed record LeRobotObservation(double Timestamp, long Timestep, bool MustGo, MsgPackMap Map, string Module, long Received)
{
    /// <exception cref="GrpcException">The pickle is broken, no such observation, or lacks what the instructions announced.</exception>
    internal static LeRobotObservation Read(ReadOnlyMemory<byte> pickle, LeRobotInstructions instructions)
    {
        long received = Stopwatch.GetTimestamp();
        var (timed, module) = LeRobotPickles.Read(pickle, "TimedObservation");
        double timestamp = LeRobotPickles.Number(timed.Field<object>("timestamp")) ?? throw Refused("its timestamp is no number");
        long timestep = timed.Field<long>("timestep");
        if (timestep is < 0 or > long.MaxValue / 2 || !double.IsFinite(timestamp)) throw Refused("its timestep or timestamp is out of range");
        var raw = timed.Field<Dictionary<string, object?>>("observation");
        var map = new MsgPackMap();
        try
        {
            float[] state = new float[instructions.StateNames.Count];
            for (int i = 0; i < state.Length; i++)
            {
                string name = instructions.StateNames[i];
                state[i] = (float)(LeRobotPickles.Number(raw.GetValueOrDefault(name)) ?? throw Refused($"'{LeRobotInstructions.Short(name)}' is missing or no number"));
            }

            if (state.Length > 0) map["observation.state"] = NumpyArray.From(state, state.Length);
            foreach (var (key, camera) in instructions.Cameras)
            {
                if (raw.GetValueOrDefault(key) is not NamedArray image) throw Refused($"'{LeRobotInstructions.Short(key)}' is missing or no array");
                string dtype = image.Type.NpyDescriptor() ?? throw Refused($"'{LeRobotInstructions.Short(key)}' is an array of {image.Type}");
                if (!map.TryAdd(camera, new NumpyArray(NumpyDtype.Parse(dtype), image.Shape, image.Data)))
                    throw Refused($"two images are renamed to '{LeRobotInstructions.Short(camera)}'");
            }
        }
        catch (Exception error) when (error is InvalidDataException or MsgPackException)
        {
            throw Refused(error.Message);
        }

        if (raw.TryGetValue("task", out object? task)) map["task"] = task;
        return new LeRobotObservation(timestamp, timestep, timed.Fields.GetValueOrDefault("must_go") is true, map, module, received);
    }

    private static GrpcException Refused(string what) => new(GrpcStatus.InvalidArgument, $"the TimedObservation was refused: {what}");
}
