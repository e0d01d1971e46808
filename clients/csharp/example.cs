#:project ../../src/Engine.Client/Engine.Client.csproj
#:property PublishAot=false
#:property RestorePackagesWithLockFile=false

// Sends black images to a served policy and prints its actions: dotnet run clients/csharp/example.cs -- <socket's path | port> [shared]
using Engine.Client;

if (args.Length == 0)
{
    Console.Error.WriteLine("usage: example <socket's path | port> [shared]");
    return 2;
}

var options = new PipeClientOptions { SharedMemory = args is [_, "shared"] };
using var client = int.TryParse(args[0], out int port) ? PipeClient.ConnectTcp("127.0.0.1", port, options) : PipeClient.ConnectUnix(args[0], options);
Console.WriteLine($"{client.Layout.Horizon} actions of {client.Layout.ActionWidth} at {client.Layout.ControlHz} Hz");
client.Reset();
client.Instruction = "reach the red cube";
for (int step = 0; step < 3; step++)
{
    for (int camera = 0; camera < client.Layout.Cameras.Count; camera++) client.Image(camera).Clear();
    client.State.Fill(step + 0.25f);
    var actions = client.Step(budget: TimeSpan.FromSeconds(5));
    Console.WriteLine($"step {step}: {actions[0]} (policy {client.PolicyTime.TotalMicroseconds} us)");
}

return 0;
