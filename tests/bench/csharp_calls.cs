// Warm calls from C#, each timed, after the compiler has done its work.
//
//     csharp_calls.exe URL CA CALLS      prints what the C driver prints
using System;
using System.Diagnostics;
using System.Globalization;
using Agw;

internal static class CsharpCalls
{
    private const string Agent = "154";
    private const string Guid = "0a1b2c3d-0000-1111-2222-333344445555.AgentGateway1";

    private static int Main(string[] arguments)
    {
        var options = new AgwClientOptions
        {
            BaseUrl = arguments[0],
            Trust = AgwTrust.Ca,
            Ca = arguments[1],
        };
        var samples = new double[int.Parse(arguments[2], CultureInfo.InvariantCulture)];
        int errors = 0;
        using (var client = new AgwClient(options))
        {
            for (int i = 0; i < 200; i++) errors += Call(client);
            TimeSpan cpu = Process.GetCurrentProcess().TotalProcessorTime;
            for (int i = 0; i < samples.Length; i++)
            {
                long begun = Stopwatch.GetTimestamp();
                errors += Call(client);
                samples[i] = (Stopwatch.GetTimestamp() - begun) * 1e6 / Stopwatch.Frequency;
            }
            cpu = Process.GetCurrentProcess().TotalProcessorTime - cpu;
            Array.Sort(samples);
            Console.WriteLine(string.Format(CultureInfo.InvariantCulture,
                "{{\"median_us\": {0:0.00}, \"p99_us\": {1:0.00}, \"cpu_us\": {2:0.00}, \"errors\": {3}}}",
                samples[samples.Length / 2], samples[samples.Length * 99 / 100],
                cpu.TotalMilliseconds * 1000 / samples.Length, errors));
        }
        return 0;
    }

    private static int Call(AgwClient client)
    {
        return client.RejectAgentConf(Agent, Guid).Retcode == "0" ? 0 : 1;
    }
}
