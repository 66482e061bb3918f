import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { closeAtEnd } from './cleanup.ts';

/** An email that {@link startSmtpServer} received. */
export interface ReceivedEmail {
  readonly from: string;
  readonly to: readonly string[];
  readonly content: string;
}

/** A mail server on loopback with scripted responses. */
export interface ScriptedSmtp {
  readonly port: number;
  /** Accepted emails, oldest first. */
  readonly emails: readonly ReceivedEmail[];
  /** User and password of every `AUTH PLAIN`. */
  readonly logIns: readonly (readonly [user: string, password: string])[];
  /** Closes the server, which otherwise happens at the end. */
  close(): Promise<void>;
}

/**
 * The part of SMTP (RFC 5321) that a client needs: greeting, EHLO, AUTH PLAIN, MAIL, RCPT, DATA, QUIT.
 *
 * @param answer gives the response to a command, or `undefined` for success. `connect` and `content` stand for the greeting
 *   and the end of the data. `silence` sends no response.
 */
export async function startSmtpServer(answer: (command: string) => string | undefined): Promise<ScriptedSmtp> {
  const emails: ReceivedEmail[] = [];
  const logIns: (readonly [string, string])[] = [];
  const sockets = new Set<Socket>();

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A client that gives up resets the connection.
    socket.on('error', () => socket.destroy());
    let [from, to, content]: [string, string[], string | undefined] = ['', [], undefined];
    let rest = '';
    const say = (command: string, yes: string) => {
      const reply = answer(command) ?? yes;
      if (reply !== 'silence') socket.write(`${reply}\r\n`);
      return reply === yes;
    };
    say('connect', '220 ready');
    socket.setEncoding('utf8');
    socket.on('data', (text) => {
      rest += text;
      for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        hear(line);
      }
    });
    function hear(line: string): void {
      if (content !== undefined) {
        if (line !== '.') content += `${line}\r\n`;
        else {
          if (say('content', '250 taken')) emails.push({ from, to, content });
          content = undefined;
        }
      } else if (/^EHLO/i.test(line)) say(line, '250-mine\r\n250 AUTH PLAIN');
      else if (/^AUTH PLAIN /i.test(line)) {
        const [, user = '', password = ''] = Buffer.from(line.slice('AUTH PLAIN '.length), 'base64')
          .toString()
          .split('\0');
        logIns.push([user, password]);
        say(line, '235 welcome');
      } else if (/^MAIL/i.test(line)) {
        [from, to] = [line, []];
        say(line, '250 yes');
      } else if (/^RCPT/i.test(line)) {
        if (say(line, '250 yes')) to.push(/<(.*)>/.exec(line)?.[1] ?? '');
      } else if (/^DATA/i.test(line)) {
        if (say(line, '354 go on')) content = '';
      } else if (/^QUIT/i.test(line)) {
        say(line, '221 bye');
        socket.end();
      } else say(line, '502 not known');
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    emails,
    logIns,
    close: closeAtEnd(async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    }),
  };
}
