namespace Engine.Kernels.Ops.GroupNorm;

public static unsafe partial class GroupNorm
{
    private static void RunReference(in Image image)
    {
        int width = image.Channels / image.Groups;
        double count = (double)image.Pixels * width;
        for (int group = 0; group < image.Groups; group++)
        {
            double mean = 0, variance = 0;
            for (int pixel = 0; pixel < image.Pixels; pixel++)
            {
                for (int i = 0; i < width; i++) mean += image.X[pixel * image.Channels + group * width + i] / count;
            }

            for (int pixel = 0; pixel < image.Pixels; pixel++)
            {
                for (int i = 0; i < width; i++) variance += Math.Pow(image.X[pixel * image.Channels + group * width + i] - mean, 2) / count;
            }

            double factor = 1 / Math.Sqrt(variance + image.Epsilon);
            for (int pixel = image.FirstPixel; pixel < image.LastPixel; pixel++)
            {
                for (int channel = group * width; channel < (group + 1) * width; channel++)
                {
                    int at = pixel * image.Channels + channel;
                    image.Y[at] = (float)((image.X[at] - mean) * factor * image.Scale[channel] + image.Shift[channel]);
                }
            }
        }
    }
}
