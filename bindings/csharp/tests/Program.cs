// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Reflection;
using System.Threading;

namespace Agw.Tests
{
    /// <summary>Marks a test: a static method that takes the gateway.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    internal sealed class TestAttribute : Attribute
    {
    }

    /// <summary>Runs every test there is, or those whose name holds the second argument.</summary>
    internal static class Program
    {
        private const int PatienceMilliseconds = 60000;

        /// <summary>How many times as long as here things may take: AGW_TEST_SLACK.</summary>
        internal static readonly int Slack =
            int.Parse(Environment.GetEnvironmentVariable("AGW_TEST_SLACK") ?? "1");

        private static int Main(string[] arguments)
        {
            Gateway gateway = new Gateway(arguments[0]);
            string wanted = arguments.Length > 1 ? arguments[1] : "";
            List<MethodInfo> tests = Tests().Where(test => test.Name.Contains(wanted)).ToList();
            int failed = tests.Count(test => !Passes(test, gateway));
            Console.WriteLine("agw {0}, {1} bit: {2} tests, {3} failed",
                AgwLibrary.Version, IntPtr.Size * 8, tests.Count, failed);
            return failed == 0 && tests.Count > 0 ? 0 : 1;
        }

        private static IEnumerable<MethodInfo> Tests()
        {
            return Assembly.GetExecutingAssembly().GetTypes()
                .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.NonPublic))
                .Where(method => method.IsDefined(typeof(TestAttribute), false));
        }

        private static bool Passes(MethodInfo test, Gateway gateway)
        {
            Stopwatch watch = Stopwatch.StartNew();
            string why = Run(test, gateway);
            Console.WriteLine("{0} {1} ({2} ms)", why == null ? "ok  " : "FAIL", test.Name,
                watch.ElapsedMilliseconds);
            if (why != null)
            {
                Console.WriteLine(why);
            }
            return why == null;
        }

        /// <summary>In a thread of its own, so that one that hangs is seen.</summary>
        private static string Run(MethodInfo test, Gateway gateway)
        {
            string why = null;
            Thread thread = new Thread(() => why = Outcome(test, gateway)) { IsBackground = true };
            thread.Start();
            return thread.Join(PatienceMilliseconds * Slack) ? why : "it hangs";
        }

        private static string Outcome(MethodInfo test, Gateway gateway)
        {
            try
            {
                test.Invoke(null, new object[] { gateway });
                return null;
            }
            catch (TargetInvocationException why)
            {
                return why.InnerException.ToString();
            }
        }
    }

    /// <summary>What a test expects.</summary>
    internal static class Check
    {
        internal static void That(bool holds, string what)
        {
            if (!holds)
            {
                throw new InvalidOperationException(what);
            }
        }

        internal static void Same<T>(T wanted, T found, string what)
        {
            That(Equals(wanted, found), what + ": " + found + " instead of " + wanted);
        }

        /// <summary>The exception, of exactly this class.</summary>
        internal static T Throws<T>(Action action)
            where T : Exception
        {
            try
            {
                action();
            }
            catch (Exception why)
            {
                That(why.GetType() == typeof(T), "instead of " + typeof(T).Name + ": " + why);
                return (T)why;
            }
            throw new InvalidOperationException("no " + typeof(T).Name);
        }

        internal static void Contains(string text, string part)
        {
            That(text.Contains(part), "no \"" + part + "\" in \"" + text + "\"");
        }

        internal static void Within(double from, double to, TimeSpan found, string what)
        {
            double ms = found.TotalMilliseconds;
            double most = to * Program.Slack;
            That(ms >= from && ms <= most, what + ": " + ms + " ms, not " + from + " to " + most);
        }
    }
}
