// SPDX-License-Identifier: MIT OR Apache-2.0
using System;

namespace Agw
{
    /// <summary>agw_result in managed words: what answers and exceptions are made from.</summary>
    [Serializable]
    internal sealed class Outcome
    {
        internal AgwStatus Status;
        internal int HttpStatus;
        internal int OsError;
        internal ResultFlags Flags;
        internal uint ElapsedMicroseconds;
        internal int CtiCode;
        internal string Retcode = "";
        internal string Message = "";
        internal string Detail = "";

        internal TimeSpan Elapsed
        {
            get { return TimeSpan.FromTicks(ElapsedMicroseconds * (TimeSpan.TicksPerMillisecond / 1000)); }
        }

        internal bool Has(ResultFlags flag)
        {
            return (Flags & flag) != 0;
        }

        /// <summary>The returned number decides: it is right even if the result was not filled in.</summary>
        internal static unsafe Outcome Read(int returned, ref NativeResult result)
        {
            fixed (NativeResult* raw = &result)
            {
                return new Outcome
                {
                    Status = (AgwStatus)returned,
                    HttpStatus = raw->http_status,
                    OsError = raw->os_error,
                    Flags = raw->flags,
                    ElapsedMicroseconds = raw->elapsed_us,
                    CtiCode = raw->cti_code,
                    Retcode = Utf8.FromNative(raw->retcode, NativeResult.RetcodeSize),
                    Message = Utf8.FromNative(raw->message, NativeResult.MessageSize),
                    Detail = Utf8.FromNative(raw->detail, NativeResult.DetailSize),
                };
            }
        }

        internal static Outcome BadText(string name, string why)
        {
            return new Outcome { Status = AgwStatus.InvalidArgument, Detail = name + ": " + why };
        }

        /// <summary>One line for a log: sentence, number, the gateway's words, the detail.</summary>
        internal string Describe()
        {
            string text = AgwLibrary.Describe(Status) + " (" + (int)Status + ")";
            text += Retcode.Length == 0 ? "" : ", retcode " + Retcode;
            text += Message.Length == 0 ? "" : " \"" + Message + "\"";
            text += Detail.Length == 0 ? "" : ": " + Detail;
            return text;
        }
    }
}
