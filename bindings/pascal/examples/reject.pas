{ Rejects the conference that rings at an agent; the Guid is in AGW_GUID.

      reject URL CA-FILE AGENT-ID

  The exit code is 0 if the gateway accepted, 3 if it was too late, 1 otherwise, 2 for wrong usage. }
program reject;

{$IFDEF FPC}{$MODE DELPHI}{$ENDIF}
{$IFDEF MSWINDOWS}{$APPTYPE CONSOLE}{$ENDIF}

uses
  SysUtils,
  agw;

var
  Options: TAgwClientOptions;
  Client: PAgwClient;
  Answer: TAgwResult;
  Url, Ca, Agent, Guid: UTF8String; // they have to live as long as the call
begin
  if ParamCount <> 3 then
    Halt(2);
  Url := UTF8String(ParamStr(1));
  Ca := UTF8String(ParamStr(2));
  Agent := UTF8String(ParamStr(3));
  Guid := UTF8String(GetEnvironmentVariable('AGW_GUID'));

  Options := NewAgwClientOptions;
  Options.base_url := PAnsiChar(Url);
  Options.tls_trust := AGW_TRUST_CA;
  Options.ca := PAnsiChar(Ca);
  Answer := NewAgwResult;
  // A program with a window keeps its client, and calls in a thread of its own.
  if agw_client_new(@Options, @Client, @Answer) = AGW_OK then
  begin
    agw_reject_agent_conf(Client, PAnsiChar(Agent), PAnsiChar(Guid), @Answer);
    agw_free(Client);
  end;

  WriteLn(Answer.status, ' ', agw_strerror(Answer.status), ' retcode=', AgwText(Answer.retcode),
    ' ', AgwText(Answer.detail));
  case Answer.status of
    AGW_OK: Halt(0);
    AGW_E_NO_CONFERENCE: Halt(3);
  else
    Halt(1);
  end;
end.
