using Engine.Training.Algorithms;
using Engine.Training.Torch;

namespace Engine.Training.Tests.Algorithms;

public sealed class PpoObjectiveTests
{
    [Fact]
    public void Every_term_and_gradient_is_that_of_the_golden_file()
    {
        int cases = 0;
        foreach (GoldenTensors golden in GoldenTensors.Cases("ppo.npz").Where(c => c.Has("logits")))
        {
            cases++;
            using var scope = new TensorScope();
            float[] numbers = golden.Floats("clip_vcoef_ecoef");
            double clip = numbers[0], valueCoefficient = numbers[1], entropyCoefficient = numbers[2];
            Tensor logits = golden.Tensor("logits"), tokens = golden.Tensor("tokens");
            Tensor oldLogProbability = golden.Tensor("old_logprob"), advantages = golden.Tensor("advantages");
            logits.RequiresGrad = true;

            Tensor newLogProbability = PpoObjective.LogProbability(logits, tokens), entropy = PpoObjective.Entropy(logits);
            golden.Near("new_logprob", newLogProbability, 1e-5, 1e-5);
            golden.Near("entropy", entropy, 1e-5, 1e-5);
            golden.Near("entropy_mean", entropy.Mean(), 1e-5, 1e-5);
            Tensor normalised = PpoObjective.NormaliseAdvantages(advantages);
            golden.Near("advantages_normalized", normalised, 1e-5, 1e-5);

            foreach (var (name, used) in new[] { ("raw", advantages), ("norm", normalised) })
            {
                Tensor leaf = golden.Tensor("new_logprob");
                leaf.RequiresGrad = true;
                Tensor loss = PpoObjective.PolicyLoss(leaf, oldLogProbability, used, clip);
                golden.Near($"{name}.policy_loss", loss, 1e-6, 1e-5);
                loss.Backward();
                golden.Near($"{name}.policy_grad_new_logprob", leaf.Grad!, 1e-6);
            }

            Tensor policy = PpoObjective.PolicyLoss(newLogProbability, oldLogProbability, normalised, clip);
            (policy - entropyCoefficient * entropy.Mean()).Backward();
            golden.Near("logits_grad_policy_entropy", logits.Grad!, 1e-6);

            Tensor returns = golden.Tensor("returns"), oldValues = golden.Tensor("values_old");
            Tensor values = golden.Tensor("values_new"), valuesAgain = golden.Tensor("values_new");
            values.RequiresGrad = true;
            valuesAgain.RequiresGrad = true;
            Tensor mse = PpoObjective.ValueLoss(values, returns), clipped = PpoObjective.ClippedValueLoss(valuesAgain, oldValues, returns, clip);
            golden.Near("value_loss_mse", mse, 1e-6, 1e-5);
            golden.Near("value_loss_clipped_half", clipped, 1e-6, 1e-5);
            mse.Backward();
            clipped.Backward();
            golden.Near("value_grad_mse", values.Grad!, 1e-6);
            golden.Near("value_grad_clipped_half", valuesAgain.Grad!, 1e-6);
            golden.Near("total_imagineact", policy + valueCoefficient * mse - entropyCoefficient * entropy.Mean(), 1e-5, 1e-5);
            golden.Near("total_value_clipped", policy + valueCoefficient * clipped - entropyCoefficient * entropy.Mean(), 1e-5, 1e-5);

            PpoDiagnostics moved = PpoObjective.Diagnose(newLogProbability, oldLogProbability, clip);
            Assert.Equal(golden.Floats("approx_kl_k1")[0], moved.ApproximateKlK1, 1e-5f);
            Assert.Equal(golden.Floats("approx_kl_k3")[0], moved.ApproximateKlK3, 1e-5f);
            Assert.Equal(golden.Floats("clip_fraction")[0], moved.ClipFraction, 1e-6f);
        }

        Assert.True(cases >= 2, $"{cases} cases");
    }

    [Fact]
    public void A_policy_that_has_not_moved_has_ratio_one()
    {
        using var scope = new TensorScope();
        Tensor logits = new WeightInitialiser(1).Normal(2, 8, 3, 16), tokens = Tensor.Zeros(8, 3).To(ScalarType.Int64);
        Tensor logProbability = PpoObjective.LogProbability(logits, tokens);
        Tensor advantages = Tensor.Arange(8).To(ScalarType.Float32);
        Assert.Equal(-3.5f, PpoObjective.PolicyLoss(logProbability, logProbability.Detach(), advantages, 0.2).Item());
        Assert.Equal(new PpoDiagnostics(0, 0, 0), PpoObjective.Diagnose(logProbability, logProbability.Detach(), 0.2));
        Assert.Throws<ArgumentOutOfRangeException>(() => PpoObjective.PolicyLoss(logProbability, logProbability, advantages, 0));
    }

    [Fact]
    public void Forbidden_tokens_do_not_spoil_the_entropy()
    {
        using var scope = new TensorScope();
        Tensor logits = Tensor.FromSpan([0f, 0f, float.NegativeInfinity], 1, 1, 3);
        logits.RequiresGrad = true;
        Tensor entropy = PpoObjective.Entropy(logits);
        Assert.Equal(MathF.Log(2), entropy.Item(), 1e-6f);
        entropy.Sum().Backward();
        Assert.All(logits.Grad!.ToArray(), g => Assert.Equal(0, g, 1e-6f));
    }

    [Fact]
    public void One_advantage_is_only_centred()
    {
        using var scope = new TensorScope();
        Assert.Equal(0, PpoObjective.NormaliseAdvantages(Tensor.Full(3, 1)).Item());
    }
}
