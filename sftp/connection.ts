import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import ssh2, { type Connection } from 'ssh2';
import { WaybillError } from '../contracts/failures.ts';
import type { Ledger, Run } from '../stores/ledger/ports.ts';
import type { Objects } from '../stores/objects/objects.ts';
import { algorithmsFor } from './algorithms.ts';
import { type AuthDeps, createAuthenticator, type Login } from './auth.ts';
import { plain, serveChannel } from './channel.ts';
import { awaitClientOffer, IDENT, IDENT_LINE } from './client-offer.ts';
import { createReaders, type Readers } from './readers.ts';
import type { OpenedRun } from './runs.ts';
import type { SessionDeps } from './session.ts';
import { createTree } from './tree.ts';
import { easeCipher, gatherWrites } from './wire.ts';

/** Bounds of one connection. Times in milliseconds. */
export interface ConnectionLimits {
  /** From the connection to the end of the log-in. */
  readonly loginMs: number;
  /** Without a request or any progress. */
  readonly idleMs: number;
  /** How long a client may take to accept one answer. */
  readonly stallMs: number;
  /** Bytes of a channel after which keys are exchanged again. Source: RFC 4253 section 9. */
  readonly rekeyBytes: number;
  /** Refused log-ins before the connection is closed. */
  readonly attemptsMax: number;
  /** Bytes that one open file, and all of them together, may be read ahead. */
  readonly aheadBytesMax: number;
  readonly totalBytesMax: number;
}

export interface ConnectionDeps {
  readonly hostKey: string;
  readonly ledger: AuthDeps['ledger'] & Pick<Ledger, 'runs'>;
  readonly loginLimit: AuthDeps['loginLimit'];
  readonly objects: Pick<Objects, 'read'>;
  readonly openRun: (run: Run) => Promise<OpenedRun>;
  readonly limits: ConnectionLimits;
  /** @returns whether the tenant may have one more session */
  readonly admit: (login: Login) => boolean;
}

export interface OpenConnection {
  /** Closes it now. */
  end(): void;
  /** Closes it once no file is open. */
  endWhenIdle(): void;
}

/** Channels that a connection may have open at once. */
const CHANNELS_MAX = 8;
/** Keepalive interval, and how many may stay unanswered. Milliseconds. */
const KEEPALIVE_MS = 30_000;
const KEEPALIVES_MAX = 4;

/** Speaks SSH with one client. @param address of the client, for limits, log and audit trail */
export function serveConnection(
  socket: Socket,
  address: string,
  deps: ConnectionDeps & { readonly logger: Logger },
): OpenConnection {
  const { limits } = deps;
  const logger = deps.logger.child({ address });
  const ended = new AbortController();
  let login: Login | undefined;
  let openFiles = 0;
  let endsWhenIdle = false;
  const end = () => socket.destroy();
  const loginTimer = setTimeout(end, limits.loginMs);
  const idleTimer = setTimeout(end, Math.max(limits.idleMs, limits.loginMs));
  socket.setNoDelay(true);
  const wire = gatherWrites(socket);
  socket.once('close', () => {
    clearTimeout(loginTimer);
    clearTimeout(idleTimer);
    ended.abort(new Error('The connection has ended.'));
    if (login) logger.info({ tenant: login.tenant, bytes: socket.bytesWritten }, 'an SFTP session has ended');
  });

  const inner = createReaders({ ...limits, objects: deps.objects });
  const readers: Readers = {
    open(content) {
      const reader = inner.open(content);
      openFiles += 1;
      return {
        ...reader,
        close() {
          reader.close();
          openFiles -= 1;
          if (endsWhenIdle && openFiles === 0) end();
        },
      };
    },
  };

  async function onLogin(found: Login): Promise<boolean> {
    if (!deps.admit(found)) {
      logger.info({ tenant: found.tenant }, 'too many SFTP sessions');
      end();
      return false;
    }
    login = found;
    clearTimeout(loginTimer);
    const { tenant, actor, method } = found;
    await deps.ledger.audit.append({
      tenant,
      actor,
      action: 'sftp.logged_in',
      runId: null,
      detail: { address, method },
    });
    logger.info({ tenant, actor, method }, 'an SFTP session has begun');
    return true;
  }

  /** Ends this connection alone, whatever the cause. */
  function fail(error: unknown): void {
    logger.error({ err: error }, 'an SFTP connection failed');
    end();
  }

  function listen(connection: Connection): void {
    // Of a client that breaks the protocol or goes away; the library then closes the socket.
    connection.on('error', (error) => logger.debug({ reason: plain(error.message) }, 'an SSH connection failed'));
    connection.on('handshake', () => easeCipher(connection, wire));
    connection.on('end', () => ended.abort(new Error('The client has ended the connection.')));
    const authenticate = createAuthenticator({ ...deps, ...limits }, { address, logger, onLogin, end });
    connection.on('authentication', (context) => void authenticate(context).catch(fail));
    let channels = 0;
    connection.on('session', (accept, reject) => {
      if (!login || channels >= CHANNELS_MAX) return reject();
      channels += 1;
      const session = accept();
      session.once('close', () => (channels -= 1));
      serveChannel(session, sessionDeps(login), {
        ...{
          connection,
          socket,
          wire,
          logger,
          stallMs: limits.stallMs,
          rekeyBytes: limits.rekeyBytes,
          ended: ended.signal,
          end,
        },
        onProgress: () => idleTimer.refresh(),
      });
    });
  }

  function sessionDeps({ tenant, actor, limits, stillValid }: Login): SessionDeps {
    const audited = new Set<string>();
    return {
      tree: createTree({ tenant, limits, ledger: deps.ledger, openRun: deps.openRun }),
      readers,
      async authorize() {
        if (await stillValid()) return;
        end();
        throw new WaybillError('unauthenticated');
      },
      async onDownload({ path, run, content }) {
        if (content.from === 'memory' || audited.has(`${run.runId} ${path}`)) return;
        const entry = { tenant, actor, runId: run.runId, detail: { file: content.file.file, via: 'sftp' } };
        await deps.ledger.audit.append({ ...entry, action: 'recurring.downloaded' });
        audited.add(`${run.runId} ${path}`);
      },
      onError: (error) => logger.warn({ err: error, tenant }, 'an SFTP request failed'),
    };
  }

  // One for each connection: this library says only by a port which connection belongs to which socket.
  async function serve(): Promise<void> {
    const accepted = await awaitClientOffer(socket);
    if (socket.destroyed) return;
    wire.omit(IDENT_LINE);
    const server = new ssh2.Server({
      hostKeys: [deps.hostKey],
      algorithms: algorithmsFor(accepted),
      ident: IDENT,
      keepaliveInterval: KEEPALIVE_MS,
      keepaliveCountMax: KEEPALIVES_MAX,
    });
    server.on('connection', listen);
    server.injectSocket(socket);
  }

  void serve().catch(fail);

  return {
    end,
    endWhenIdle() {
      endsWhenIdle = true;
      if (openFiles === 0) end();
    },
  };
}
