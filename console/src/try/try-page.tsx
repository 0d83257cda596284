import { useRef, useState } from 'react';
import type { CallRow, Tried, Try } from '../../../src/http/console/wire.ts';
import { useConsole } from '../base/console-context.ts';
import { wordsOf } from '../base/desk.ts';
import { useEvent, useLoaded, withRow } from '../base/loaded.ts';
import { fragmentOf } from '../base/route.ts';
import { moment } from '../base/words.ts';
import { Content } from '../shell/content.tsx';
import { Trouble } from '../shell/trouble.tsx';
import { ACTIONS, bodyOf, curlOf, type Values } from './actions.ts';
import { ParameterField } from './parameter-field.tsx';

/** Does with a live call what its bot could, and shows both sides of it. */
export function TryPage({ call }: { readonly call: string | undefined }) {
  const { data: rows, error, setData } = useLoaded<readonly CallRow[]>('calls');
  useEvent('call', (row) => setData((before) => before && withRow(before, row)));
  const live = rows?.filter(({ endedAt }) => endedAt === undefined) ?? [];
  const chosen = live.find(({ id }) => id === call) ?? (call === undefined ? live[0] : undefined);
  return (
    <>
      <h1 tabIndex={-1}>Try it</h1>
      <p className="lead">
        Sends to a live call what its bot would send, in the name of its application, and shows the request
        and the answer.
      </p>
      <Trouble words={error} />
      {rows !== undefined && (
        <label className="field chosen-call">
          <span>Call</span>
          <select
            value={chosen?.id ?? ''}
            onChange={(event) => {
              location.hash = fragmentOf({ page: 'try', call: event.target.value });
            }}
          >
            {chosen === undefined && (
              <option value="">{call === undefined ? 'No call is live' : 'The call has ended'}</option>
            )}
            {live.map((row) => (
              <option key={row.id} value={row.id}>
                {row.caller} → {row.applicationName}, {row.state}, since {moment(row.createdAt)}
              </option>
            ))}
          </select>
        </label>
      )}
      {rows !== undefined && live.length === 0 && (
        <p className="empty">
          No call is live. <a href="#/phone">Place one</a>, come back here while it stands, and try.
        </p>
      )}
      <ActionForm call={chosen} />
    </>
  );
}

function ActionForm({ call }: { readonly call: CallRow | undefined }) {
  const { desk, announce } = useConsole();
  const [name, setName] = useState('record');
  const [values, setValues] = useState<Values>({});
  const [tried, setTried] = useState<Tried>();
  const [trouble, setTrouble] = useState<string>();
  const [isSending, setSending] = useState(false);
  const exchange = useRef<HTMLElement>(null);
  const action = ACTIONS.find((one) => one.name === name)!;
  const isHangUp = action.name === '';
  const body = bodyOf(action, values);

  const send = async () => {
    if (call === undefined) return;
    setSending(true);
    setTrouble(undefined);
    const asked: Try = isHangUp ? { method: 'DELETE' } : { method: 'POST', action: action.name, body };
    try {
      const answer = await desk.send<Tried>('POST', `calls/${encodeURIComponent(call.id)}/try`, asked);
      setTried(answer);
      announce(`The API answered ${answer.response.status}.`);
      exchange.current?.scrollIntoView({ block: 'nearest' });
    } catch (thrown) {
      setTrouble(wordsOf(thrown));
    }
    setSending(false);
  };
  return (
    <div className="beside">
      <form
        className="panel stack"
        aria-label="The action"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <label className="field">
          <span>Action</span>
          <select value={name} onChange={(event) => setName(event.target.value)}>
            {ACTIONS.map(({ name, title }) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <p className="lead">{action.about}</p>
        {action.parameters.map((parameter) => (
          <ParameterField
            key={`${action.name} ${parameter.name}`}
            parameter={parameter}
            value={values[parameter.name]}
            onChange={(value) => setValues((before) => ({ ...before, [parameter.name]: value }))}
          />
        ))}
        <div className="row">
          <button
            type="submit"
            className={isHangUp ? 'danger' : 'main'}
            disabled={call === undefined || isSending}
          >
            {isHangUp ? 'Hang up' : `Send ${action.title}`}
          </button>
          <button type="button" onClick={() => setValues({})}>
            Back to the defaults
          </button>
        </div>
        <Trouble words={trouble} />
      </form>
      <section className="panel stays" aria-labelledby="exchange" ref={exchange}>
        <h2 id="exchange">Request and answer</h2>
        {tried === undefined ? (
          <>
            <p className="quiet">This would be sent; what is at its default is left out.</p>
            <Content heading="Body" content={isHangUp ? '(none)' : body} />
          </>
        ) : (
          <Exchange tried={tried} />
        )}
        {call !== undefined && (
          <p>
            <a href={fragmentOf({ page: 'call', id: call.id })}>What came of it: the call’s timeline</a>
          </p>
        )}
      </section>
    </div>
  );
}

function Exchange({ tried: { request, response } }: { readonly tried: Tried }) {
  const isRefused = response.status >= 400;
  return (
    <>
      <Content heading="Request" content={asText(`${request.method} ${request.url}`, request.headers)} />
      {request.body !== undefined && <Content heading="Body" content={request.body} />}
      <p className={isRefused ? 'badge bad' : 'badge live'}>
        {isRefused ? 'Refused' : 'Answered'}: {response.status}
      </p>
      <Content heading="Answer" content={asText(`HTTP ${response.status}`, response.headers)} />
      {response.body !== undefined && <Content heading="Its body" content={response.body} />}
      <Content heading="The same with curl" content={curlOf(request)} />
    </>
  );
}

function asText(first: string, headers: Readonly<Record<string, string>>): string {
  return [first, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)].join('\n');
}
