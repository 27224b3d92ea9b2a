{ Signs an agent in, rejects the first conference that rings, waits until the agent is ready
  again, and signs out. The password is in AGW_PASSWORD.

      shift URL CA-FILE AGENT-ID PHONE

  A program with a window has a TThread for each agent with this loop, and ends it with agw_sign_out
  or agw_free from another thread. }
program shift;

{$IFDEF FPC}{$MODE DELPHI}{$ENDIF}
{$IFDEF MSWINDOWS}{$APPTYPE CONSOLE}{$ENDIF}

uses
  SysUtils,
  agw;

var
  Client: PAgwClient;
  Answer: TAgwResult;
  Agent: UTF8String;

procedure Show(const What: string);
begin
  WriteLn(What, ': ', Answer.status, ' ', agw_strerror(Answer.status), ' ', AgwText(Answer.detail));
  Flush(Output);
end;

function SignIn: Boolean;
var
  Options: TAgwSignInOptions;
  Password, Phone: UTF8String;
begin
  Password := UTF8String(GetEnvironmentVariable('AGW_PASSWORD'));
  Phone := UTF8String(ParamStr(4));
  Options := NewAgwSignInOptions;
  Options.agent_id := PAnsiChar(Agent);
  Options.password := PAnsiChar(Password);
  Options.phone := PAnsiChar(Phone);
  Result := agw_sign_in(Client, @Options, @Answer) = AGW_OK;
  Show('login');
end;

{ Each wait takes up to 10 s, and the library sees to the pause between two. }
procedure WaitAndReject;
var
  Event: TAgwEvent;
  Rejected: Boolean;
begin
  Rejected := False;
  repeat
    Event := NewAgwEvent;
    if agw_next_event(Client, PAnsiChar(Agent), @Event, @Answer) <> AGW_OK then
    begin
      Show('getAgentEvent');
      Sleep(1000);
    end
    else if AgwText(Event.type_) = AGW_EVENT_CONF_RINGING then
    begin
      // Without a Guid: the client has the newest.
      Rejected := agw_reject_agent_conf(Client, PAnsiChar(Agent), nil, @Answer) = AGW_OK;
      Show('rejectAgentConf');
    end;
  until (Answer.status = AGW_E_SESSION) or Rejected and (AgwText(Event.type_) = AGW_EVENT_READY);
end;

var
  Options: TAgwClientOptions;
  Url, Ca: UTF8String;
begin
  if ParamCount <> 4 then
    Halt(2);
  Url := UTF8String(ParamStr(1));
  Ca := UTF8String(ParamStr(2));
  Agent := UTF8String(ParamStr(3));
  Options := NewAgwClientOptions;
  Options.base_url := PAnsiChar(Url);
  Options.tls_trust := AGW_TRUST_CA;
  Options.ca := PAnsiChar(Ca);
  Answer := NewAgwResult;
  if agw_client_new(@Options, @Client, @Answer) <> AGW_OK then
    Show('client')
  else if SignIn then
  begin
    WaitAndReject;
    agw_sign_out(Client, PAnsiChar(Agent), @Answer);
    Show('logout');
  end;
  agw_free(Client);
  Halt(Ord(Answer.status <> AGW_OK));
end.
