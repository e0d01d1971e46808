using Engine.Simulation.MuJoCo;

namespace Engine.Simulation.Tests.MuJoCo;

public sealed class MujocoTests
{
    private const string Ball = """
        <mujoco><option timestep="0.002"/><worldbody>
          <geom name="floor" type="plane" size="1 1 .1"/>
          <camera name="eye" pos="0 -1 .5" xyaxes="1 0 0 0 .5 1"/>
          <body name="ball" pos="0 0 1"><freejoint name="ball"/><geom name="ball" type="sphere" size=".1"/><site name="mark"/></body>
          <body name="arm" pos=".5 0 .5"><joint name="hinge" axis="0 1 0"/><geom type="capsule" size=".02 .1"/></body>
        </worldbody><actuator><motor name="motor" joint="hinge"/></actuator></mujoco>
        """;

    [Fact]
    public void Library_and_headers_have_the_same_version() => Assert.InRange(MujocoLibrary.Version, 200, 400);

    [Fact]
    public void A_ball_falls_as_gravity_says_and_comes_to_rest_on_the_floor()
    {
        using var model = new MujocoModel(Ball);
        using var data = new MujocoData(model);
        int z = model.JointAddress("ball").Position + 2;
        data.Step(100);
        // Semi-implicit Euler: z = 1 − g·dt²·n(n+1)/2.
        Assert.Equal(1 - 9.81 * 0.002 * 0.002 * 100 * 101 / 2, data.Qpos[z], 1e-9);
        Assert.Equal(0.2, data.Time, 1e-12);
        data.Step(3000);
        Assert.Equal(0.1, data.Qpos[z], 1e-2);
        var contacts = new MujocoContact[8];
        int count = data.Contacts(contacts);
        Assert.Equal(1, count);
        int ball = model.Id(MujocoObject.Geom, "ball");
        Assert.True(contacts[0].Geom1 == ball || contacts[0].Geom2 == ball);
        Assert.Equal(model.Id(MujocoObject.Body, "ball"), model.BodyOf(ball));
        Assert.True(contacts[0].Force > 1);
    }

    [Fact]
    public void A_text_that_does_not_compile_is_refused_with_MuJoCos_message_and_leaves_nothing_behind()
    {
        var before = MujocoLibrary.LiveHandles();
        var error = Assert.Throws<MujocoException>(() => new MujocoModel("<mujoco><worldbody><geom type=\"cone\"/></worldbody></mujoco>"));
        Assert.Equal(MujocoStatus.Xml, error.Status);
        Assert.Contains("cone", error.Message, StringComparison.Ordinal);
        Assert.Equal(MujocoStatus.Xml, Assert.Throws<MujocoException>(() => new MujocoModel("not xml")).Status);
        Assert.Equal(before.Models, MujocoLibrary.LiveHandles().Models);
        using var model = new MujocoModel(Ball);
        Assert.Equal(8, model.PositionCount);
    }

    [Fact]
    public void An_unknown_name_is_named_in_the_message()
    {
        using var model = new MujocoModel(Ball);
        var error = Assert.Throws<MujocoException>(() => model.Id(MujocoObject.Body, "nobody"));
        Assert.Equal(MujocoStatus.Argument, error.Status);
        Assert.Contains("nobody", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_error_inside_MuJoCo_is_an_exception_and_the_process_goes_on()
    {
        // A stack of two hundred numbers is too small for the constraint solver: MuJoCo calls its error handler from deep inside.
        using var model = new MujocoModel(Ball.Replace("<worldbody>", "<size nstack=\"200\"/><worldbody>", StringComparison.Ordinal));
        using var data = new MujocoData(model);
        data.Qpos[model.JointAddress("ball").Position + 2] = 0.05;
        var error = Assert.Throws<MujocoException>(() => data.Step(10));
        Assert.Equal(MujocoStatus.MuJoCo, error.Status);
        Assert.Contains("stack", error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(MujocoStatus.State, Assert.Throws<MujocoException>(() => data.Step(1)).Status);

        using var healthy = new MujocoModel(Ball);
        using var other = new MujocoData(healthy);
        other.Step(10);
        Assert.Equal(0.02, other.Time, 1e-12);
        data.Reset();
        Assert.Equal(0, data.Time);
    }

    [Fact]
    public void Divergence_is_reported_and_a_reset_heals_it()
    {
        using var model = new MujocoModel(Ball);
        using var data = new MujocoData(model);
        data.Qvel[0] = 1e12;
        Assert.Equal(MujocoStatus.Unstable, Assert.Throws<MujocoException>(() => data.Step(5)).Status);
        Assert.Equal(MujocoStatus.State, Assert.Throws<MujocoException>(() => data.Step(1)).Status);
        data.Reset();
        data.Step(5);
        Assert.Equal(0.01, data.Time, 1e-12);
    }

    [Fact]
    public void A_command_that_is_not_a_number_is_refused_before_it_does_harm()
    {
        using var model = new MujocoModel(Ball);
        using var data = new MujocoData(model);
        data.Ctrl[0] = double.NaN;
        Assert.Contains("ctrl[0]", Assert.Throws<MujocoException>(() => data.Step(1)).Message, StringComparison.Ordinal);
        data.Ctrl[0] = 0.1;
        data.Step(1);
        Assert.Equal(0.002, data.Time, 1e-12);
    }

    [Fact]
    public void Wrong_indices_and_sizes_are_refused()
    {
        using var model = new MujocoModel(Ball);
        var data = new MujocoData(model);
        Assert.Throws<ArgumentOutOfRangeException>(() => data.BodyPosition(99).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => data.SitePosition(-1).Length);
        Assert.Contains("21", Assert.Throws<ArgumentException>(() => data.SiteJacobian(0, new double[3], new double[21])).Message, StringComparison.Ordinal);
        data.Qpos[2] = 0.05;
        data.Forward();
        Assert.Contains("places", Assert.Throws<MujocoException>(() => data.Contacts([])).Message, StringComparison.Ordinal);
        data.Dispose();
        Assert.Throws<ObjectDisposedException>(() => data.Qpos.Length);
        Assert.Throws<ObjectDisposedException>(() => data.Step(1));
    }

    [Fact]
    public void Data_outlives_the_model_handle_it_was_made_from()
    {
        var before = MujocoLibrary.LiveHandles();
        var model = new MujocoModel(Ball);
        var data = new MujocoData(model);
        model.Dispose();
        data.Step(10);
        Assert.Equal(0.02, data.Time, 1e-12);
        data.Dispose();
        Assert.Equal(before, MujocoLibrary.LiveHandles());
    }

    [Fact]
    public void A_renderer_belongs_to_one_thread_and_checks_its_arguments()
    {
        using var model = new MujocoModel(Ball);
        using var data = new MujocoData(model);
        data.Forward();
        Exception? elsewhere = null;
        var thread = new Thread(() =>
        {
            using var renderer = new MujocoRenderer(model, 32, 48, 2);
            byte[] image = new byte[32 * 48 * 3];
            renderer.Draw(data, null, [0], 32, 48, image);
            Assert.True(image.Distinct().Count() > 3, "the picture is blank");
            Assert.NotEmpty(renderer.Description);
            Assert.Contains("camera 5", Assert.Throws<MujocoException>(() => renderer.Draw(data, null, [5], 32, 48, image)).Message, StringComparison.Ordinal);
            Assert.Contains("at most", Assert.Throws<MujocoException>(() => renderer.Draw(data, null, [0], 64, 48, image)).Message, StringComparison.Ordinal);
            Assert.Contains("do not fit", Assert.Throws<MujocoException>(() => renderer.Draw(data, null, [0, 0], 32, 48, image)).Message, StringComparison.Ordinal);
            var other = new Thread(() => elsewhere = Record.Exception(() => renderer.Draw(data, null, [0], 32, 48, new byte[32 * 48 * 3])));
            other.Start();
            other.Join();
        });
        thread.Start();
        thread.Join();
        Assert.Equal(MujocoStatus.State, Assert.IsType<MujocoException>(elsewhere).Status);
    }
}
