import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { Transform } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

/** A network between a ledger and its server. What the server sends passes at once unless the link says otherwise. */
export interface LedgerLink {
  /** The ledger's URL by way of this link. */
  readonly url: string;
  /** A count of connections that were opened. */
  readonly connections: number;
  /** Milliseconds that each packet from the server takes from now on. */
  delayMs: number;
  /** Connections that are open now, and those that are opened before {@link pass}, carry nothing from the server. */
  hold(): void;
  /** What was held flows; connections are no longer held. */
  pass(): void;
  /** Whoever has a connection now never hears of the server again; later connections are well. */
  silence(): void;
  /** Ends all connections with TCP resets. */
  reset(): void;
  close(): Promise<void>;
}

/** @param target the ledger's URL, on loopback */
export async function openLink(target: string): Promise<LedgerLink> {
  const far = new URL(target);
  const open = new Set<Socket>();
  const silent = new WeakSet<Socket>();
  let gate: PromiseWithResolvers<void> | undefined;
  let connections = 0;

  const server = createServer((near) => {
    connections += 1;
    open.add(near);
    const distant = connect(Number(far.port), far.hostname);
    const slow = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        const travel = async () => {
          if (link.delayMs > 0) await delay(link.delayMs);
          await gate?.promise;
        };
        // Never rejects.
        void travel().then(() => (silent.has(near) ? undefined : done(null, chunk)));
      },
    });
    near.pipe(distant).pipe(slow).pipe(near);
    near.on('error', () => distant.destroy());
    distant.on('error', () => near.destroy());
    near.on('close', () => {
      open.delete(near);
      distant.destroy();
    });
    distant.on('close', () => {
      if (!silent.has(near)) slow.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the link has no port');
  const url = new URL(target);
  url.port = String(address.port);

  const link: LedgerLink = {
    url: url.href,
    get connections() {
      return connections;
    },
    delayMs: 0,
    hold() {
      gate ??= Promise.withResolvers();
    },
    pass() {
      gate?.resolve();
      gate = undefined;
    },
    silence() {
      for (const near of open) silent.add(near);
    },
    reset() {
      for (const near of open) near.resetAndDestroy();
    },
    async close() {
      link.pass();
      for (const near of open) near.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return link;
}
