// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Collections.Concurrent;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading;

namespace Agw.Tests
{
    /// <summary>Gives these answers one after the other, by plain HTTP on loopback.</summary>
    internal sealed class Scripted : IDisposable
    {
        private readonly TcpListener listener = new TcpListener(IPAddress.Loopback, 0);
        private readonly ConcurrentQueue<string> answers;

        /// <param name="answers">
        /// Each the text of a JSON object, perhaps with header lines before it; or a status line's end.
        /// </param>
        internal Scripted(params string[] answers)
        {
            this.answers = new ConcurrentQueue<string>(answers);
            listener.Start();
            new Thread(Serve) { IsBackground = true }.Start();
        }

        /// <summary>The requests: request line, body, and Guid.</summary>
        internal ConcurrentQueue<string> Requests { get; } = new ConcurrentQueue<string>();

        /// <summary>While it is not set, no answer goes out.</summary>
        internal ManualResetEventSlim Go { get; } = new ManualResetEventSlim(true);

        internal AgwClient Client()
        {
            return new AgwClient(new AgwClientOptions
            {
                BaseUrl = "http://" + listener.LocalEndpoint, AllowHttp = true, NoKeepAlive = true,
            });
        }

        public void Dispose()
        {
            listener.Stop();
        }

        private void Serve()
        {
            while (answers.TryDequeue(out string answer))
            {
                using (TcpClient peer = listener.AcceptTcpClient())
                using (NetworkStream stream = peer.GetStream())
                {
                    Requests.Enqueue(Request(stream));
                    Go.Wait(30000); // should a test fail
                    byte[] bytes = Encoding.UTF8.GetBytes(Answer(answer));
                    stream.Write(bytes, 0, bytes.Length);
                }
            }
        }

        private static string Request(Stream stream)
        {
            string line = Line(stream);
            int length = 0;
            string guid = "";
            for (string header = Line(stream); header.Length > 0; header = Line(stream))
            {
                if (header.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase))
                {
                    length = int.Parse(header.Substring("Content-Length:".Length));
                }
                if (header.StartsWith("Guid: ", StringComparison.Ordinal))
                {
                    guid = header.Substring("Guid: ".Length);
                }
            }
            StringBuilder body = new StringBuilder();
            while (body.Length < length)
            {
                body.Append((char)stream.ReadByte());
            }
            return line + " " + body + " " + guid;
        }

        private static string Line(Stream stream)
        {
            StringBuilder line = new StringBuilder();
            for (int one = stream.ReadByte(); one >= 0 && one != '\n'; one = stream.ReadByte())
            {
                line.Append((char)one);
            }
            return line.ToString().TrimEnd('\r');
        }

        private static string Answer(string answer)
        {
            int brace = answer.IndexOf('{');
            if (brace < 0)
            {
                return "HTTP/1.1 " + answer + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            }
            string body = answer.Substring(brace);
            return "HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\n"
                + answer.Substring(0, brace) + "Connection: close\r\nContent-Length: "
                + Encoding.UTF8.GetByteCount(body) + "\r\n\r\n" + body;
        }
    }
}
