using System;
using Agw;

static class Program
{
    static int Main(string[] args) // URL CA-FILE AGENT-ID; the Guid in AGW_GUID
    {
        var options = new AgwClientOptions { BaseUrl = args[0], Trust = AgwTrust.Ca, Ca = args[1] };
        try
        {
            using (var client = new AgwClient(options))
            {
                var guid = Environment.GetEnvironmentVariable("AGW_GUID");
                var answer = client.RejectAgentConf(args[2], guid);
                Console.WriteLine($"0 {answer.Retcode} {answer.Message}");
                return 0;
            }
        }
        catch (AgwException why)
        {
            Console.WriteLine($"{(int)why.Status} {why.Retcode} {why.Message}");
            return 1;
        }
    }
}
