import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Connection, ServerChannel, Session } from 'ssh2';
import { createOutlet, type Outlet } from './outlet.ts';
import { parseScp, serveScp } from './scp.ts';
import { type SessionDeps, serveSftp } from './session.ts';
import type { Wire } from './wire.ts';

const REFUSED = 'This service offers SFTP and scp, for reading only.\n';

/** The connection that a channel belongs to. */
interface Owner {
  readonly connection: Connection;
  readonly socket: Socket;
  readonly wire: Wire;
  readonly logger: Logger;
  /** Milliseconds that a client may take to accept one answer. */
  readonly stallMs: number;
  /** Bytes of a channel after which keys are exchanged again. */
  readonly rekeyBytes: number;
  /** Aborts when the connection ends. */
  readonly ended: AbortSignal;
  /** Called when an answer has been accepted. */
  readonly onProgress: () => void;
  /** Ends the whole connection. */
  readonly end: () => void;
}

/** What runs in a channel. @returns the exit status */
type Work = (source: AsyncIterable<Buffer>, outlet: Outlet) => Promise<number>;

/** Serves a session channel: SFTP, or `scp` for reading. Everything else is refused with a message and exit status 1. */
export function serveChannel(session: Session, deps: SessionDeps, owner: Owner): void {
  const { logger, end } = owner;
  const closed = new AbortController();
  session.once('close', () => closed.abort(new Error('The client has closed the channel.')));
  const signal = AbortSignal.any([owner.ended, closed.signal]);

  async function perform(channel: ServerChannel, work: Work): Promise<void> {
    const outlet = createOutlet({ ...owner, channel, ended: signal });
    let status = 1;
    try {
      status = await work(channel.iterator({ destroyOnReturn: false }), {
        async write(bytes) {
          await outlet.write(bytes);
          owner.onProgress();
        },
      });
    } catch (error) {
      if (signal.aborted) return;
      logger.info({ reason: plain(String(error)) }, 'an SFTP channel was closed');
      const isStalled = error instanceof DOMException;
      if (isStalled) return end();
    }
    if (signal.aborted) return;
    channel.exit(status);
    channel.end();
  }

  function run(channel: ServerChannel, work: Work): void {
    channel.on('error', (error: Error) => logger.debug({ reason: plain(error.message) }, 'an SSH channel failed'));
    perform(channel, work).catch((error: unknown) => {
      logger.error({ err: error }, 'an SFTP channel failed');
      end();
    });
  }

  function refuse(channel: ServerChannel): Work {
    return async () => {
      channel.stderr.write(REFUSED);
      return 1;
    };
  }

  session.on('subsystem', (accept, reject, { name }) => {
    if (name !== 'sftp') return reject?.();
    run(accept(), async (source, outlet) => {
      await serveSftp(source, outlet, deps);
      return 0;
    });
  });
  session.on('exec', (accept, _reject, { command }) => {
    const channel = accept();
    const scp = parseScp(command);
    run(channel, scp ? (source, outlet) => serveScp(scp, source, outlet, deps) : refuse(channel));
  });
  session.on('shell', (accept) => {
    const channel = accept();
    run(channel, refuse(channel));
  });
}

/** Without control characters, and short: clients can put any text into a message. */
export function plain(text: string): string {
  return text.slice(0, 200).replace(/\p{Cc}/gu, '\uFFFD');
}
