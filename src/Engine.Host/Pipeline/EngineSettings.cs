using Engine.Training.Algorithms;

namespace Engine.Host.Pipeline;

/// <summary>Every setting of a run; a configuration file sets any part of it. Defaults are those of the quickstart.</summary>
public sealed class EngineSettings
{
    /// <summary>Task family: reach, push, pick, put.</summary>
    public string Task { get; set; } = "reach";

    /// <summary>Seed of everything that is drawn at random.</summary>
    public ulong Seed { get; set; }

    /// <summary>
    /// Where libtorch trains: cpu, cuda, or cuda:1 … for another GPU than the first. A run can go on on another device than it began on.
    /// </summary>
    public string Device { get; set; } = "cpu";

    /// <summary>The camera that the policy and the world model see.</summary>
    public string Camera { get; set; } = "front";

    /// <summary>Environments that run at once in the simulator.</summary>
    public int Environments { get; set; } = 32;

    /// <summary>
    /// Data directories whose episodes take the place of recorded demonstrations and play; none to record. Episodes of the actor "play" are
    /// play, all others demonstrations (cloned where they succeeded).
    /// </summary>
    public List<string> Data { get; set; } = [];

    public CollectSettings Collect { get; set; } = new();

    public FilmSettings Films { get; set; } = new();

    public AutoencoderTraining.Options Autoencoder { get; set; } = new();

    public BehaviourCloning.Options Cloning { get; set; } = new();

    public WorldModelTraining.Options WorldModel { get; set; } = new();

    public SuccessClassifierTraining.Options Classifier { get; set; } = new();

    public RewardTraining.Options Reward { get; set; } = new();

    public OfflineActorCritic.Options Offline { get; set; } = new();

    public PpoOptions Online { get; set; } = new();

    public GateSettings Gate { get; set; } = new();

    public EvaluationSettings Evaluation { get; set; } = new();

    public ServeCheckSettings Serve { get; set; } = new();

    public ExperimentSettings Experiment { get; set; } = new();

    /// <summary>What is recorded.</summary>
    public sealed class CollectSettings
    {
        /// <summary>Episodes of the scripted expert with action noise; the successes among them are cloned.</summary>
        public int Demonstrations { get; set; } = 140;

        /// <summary>Episodes of play: biased and noisy experts, experts to other objects, random walks. They teach the dream what wrong actions do.</summary>
        public int Play { get; set; } = 600;

        /// <summary>Episodes of the cloned policy, sampled.</summary>
        public int Rollouts { get; set; } = 320;

        /// <summary>Episodes of the expert without noise, only to measure it.</summary>
        public int ExpertCheck { get; set; } = 100;
    }

    /// <summary>Films from elsewhere, for a world model alone.</summary>
    public sealed class FilmSettings
    {
        /// <summary>Height and width that frames are scaled to (pixels); a multiple of 16.</summary>
        public int Size { get; set; } = 64;
    }

    /// <summary>The gate before PPO: imagined over real success of the cloned policy.</summary>
    public sealed class GateSettings
    {
        public int Episodes { get; set; } = 128;

        public double Low { get; set; } = 0.7;

        public double High { get; set; } = 1.3;

        /// <summary>Run PPO although the gate does not hold (and say so).</summary>
        public bool Override { get; set; }
    }

    /// <summary>The final comparison in the real simulator.</summary>
    public sealed class EvaluationSettings
    {
        /// <summary>Episodes of each variation and policy, on the same seeds.</summary>
        public int Episodes { get; set; } = 100;

        public List<string> Variations { get; set; } = ["in_distribution", "start_region", "unseen_colour", "distractors"];

        /// <summary>Episodes of each check during PPO (seeds of their own).</summary>
        public int CheckEpisodes { get; set; } = 96;

        /// <summary>Greatest horizon of the dream's figures (frames).</summary>
        public int DreamHorizon { get; set; } = 8;
    }

    /// <summary>Driving the simulator through the served policy.</summary>
    public sealed class ServeCheckSettings
    {
        public int Episodes { get; set; } = 8;
    }

    /// <summary>The experiment over training seeds.</summary>
    public sealed class ExperimentSettings
    {
        public int Seeds { get; set; } = 3;

        public ulong FirstSeed { get; set; } = 1;

        /// <summary>Also improve the improved policy once more, in a dream retrained with its own rollouts.</summary>
        public bool SecondRound { get; set; } = true;

        /// <summary>Steps by which the world model is trained on for the second round.</summary>
        public int SecondRoundSteps { get; set; } = 500;
    }
}
