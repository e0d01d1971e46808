using Engine.Host.Serving;
using Engine.Host.Serving.Client;
using Engine.Kernels.Ops.Philox;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving;

public sealed class ServedPolicyTests
{
    [Theory]
    [InlineData(1, 0f)]
    [InlineData(3, 0f)]
    [InlineData(2, 0.7f)]
    public async Task A_served_policy_gives_what_the_policy_itself_gives(int connections, float temperature)
    {
        // Depends on every part of the observation, so that nothing can go lost or be exchanged on the way.
        using var local = new ScriptedPolicy(Contract, (observations, actions, t, uniforms) =>
        {
            for (int b = 0; b < observations.Count; b++)
            {
                double sum = observations.Instructions[b].Length;
                foreach (var camera in Contract.Cameras)
                    for (int i = 0; i < camera.Bytes; i++) sum += observations.Images[camera.Name].Span[b * camera.Bytes + i] * (i % 7 + 1e-3);
                for (int i = 0; i < 21; i++)
                    actions[b * 21 + i] = (float)(sum * 1e-3 + observations.States[b * 8 + i % 8] + i + (t > 0 ? t * uniforms[b * 21 + i] : 0));
            }
        });
        await using var server = await PolicyServer.StartAsync(local, Options);
        using var served = await ServedPolicy.ConnectAsync(server.Uri, connections);
        Assert.Equal("test", served.Contract.Name);
        Assert.Equal(Contract.Cameras, served.Contract.Cameras);
        Assert.Equal(Contract.ActionStatistics.Q99, served.Contract.ActionStatistics.Q99);

        const int batch = 5;
        var observations = ObservationReader.NewBatch(Contract, batch);
        var random = new PhiloxRandom(new PhiloxKey(4, 0));
        for (int b = 0; b < batch; b++) observations.Instructions[b] = new string('w', b);
        foreach (var camera in Contract.Cameras)
        {
            byte[] images = new byte[batch * camera.Bytes];
            for (int i = 0; i < images.Length; i++) images[i] = (byte)random.NextWord();
            observations.Images[camera.Name] = images;
        }

        for (int i = 0; i < observations.States.Length; i++) observations.States[i] = random.NextNormal();
        float[] uniforms = temperature > 0 ? new float[batch * 21] : [];
        for (int i = 0; i < uniforms.Length; i++) uniforms[i] = random.NextFloat();

        float[] expected = new float[batch * 21], actual = new float[batch * 21];
        local.Act(observations, expected, temperature, uniforms);
        served.Act(observations, actual, temperature, uniforms);
        Assert.Equal(expected, actual);
        Assert.Equal(batch, served.Times.Count);
        Assert.InRange(served.Times.P50, 1e-3, served.Times.P99);
    }

    [Fact]
    public async Task Sampling_on_the_server_is_reproducible()
    {
        using var policy = new ScriptedPolicy(Contract, (_, actions, temperature, uniforms) =>
        {
            if (temperature > 0) uniforms.CopyTo(actions);
            else actions.Clear();
        });
        float[][] runs = new float[2][];
        for (int run = 0; run < 2; run++)
        {
            await using var server = await PolicyServer.StartAsync(policy, Options with { Temperature = 1, Seed = 7 });
            await using var client = await OpenPiClient.ConnectAsync(server.Uri);
            float[] first = (await client.InferAsync(Observation())).Actions, second = (await client.InferAsync(Observation())).Actions;
            Assert.NotEqual(first, second);
            await client.ResetAsync();
            Assert.NotEqual(first, (await client.InferAsync(Observation())).Actions);
            runs[run] = [.. first, .. second];
        }

        Assert.Equal(runs[0], runs[1]);
    }
}
