import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseProxyHeader } from './proxy-header.ts';

const v1 = (text: string) => Buffer.from(text, 'latin1');

/** A header of version 2. @param head command, family and addresses in hex */
function v2(command: number, family: number, rest: Buffer): Buffer {
  const head = Buffer.from('0d0a0d0a000d0a515549540a00000000', 'hex');
  head.writeUInt8(command, 12);
  head.writeUInt8(family, 13);
  head.writeUInt16BE(rest.length, 14);
  return Buffer.concat([head, rest]);
}
const TCP4 = Buffer.from('c0000207c0000201126708ae', 'hex');
const TCP6 = Buffer.from(`20010db8${'00'.repeat(11)}07${'00'.repeat(16)}126708ae`, 'hex');

describe('a PROXY header', () => {
  it.each([
    ['version 1, IPv4', v1('PROXY TCP4 192.0.2.7 192.0.2.1 4711 2222\r\n'), '192.0.2.7'],
    ['version 1, IPv6', v1('PROXY TCP6 2001:db8::7 2001:db8::1 4711 2222\r\n'), '2001:db8::7'],
    ['version 1, unknown', v1('PROXY UNKNOWN\r\n'), null],
    ['version 1, unknown with more', v1('PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n'), null],
    ['version 2, IPv4', v2(0x21, 0x11, TCP4), '192.0.2.7'],
    ['version 2, IPv6', v2(0x21, 0x21, TCP6), '2001:db8::7'],
    [
      'version 2, with an extension',
      v2(0x21, 0x11, Buffer.concat([TCP4, Buffer.from('0400020000', 'hex')])),
      '192.0.2.7',
    ],
    ['version 2, local', v2(0x20, 0x00, Buffer.alloc(0)), null],
  ])('of %s is read, and what follows is not', (_, header, address) => {
    expect(parseProxyHeader(Buffer.concat([header, Buffer.from('SSH-2.0-x\r\n')]))).toEqual({
      address,
      bytes: header.length,
    });
    for (let length = 0; length < header.length; length += 1) {
      expect(parseProxyHeader(header.subarray(0, length))).toBe('incomplete');
    }
  });

  it.each([
    v1('SSH-2.0-OpenSSH_9.2\r\n'),
    v1('PROXY TCP4 192.0.2.7 192.0.2.1 4711\r\n'),
    v1('PROXY TCP4 2001:db8::7 192.0.2.1 4711 2222\r\n'),
    v1('PROXY TCP4 192.0.2.7 192.0.2.1 4711 65536\r\n'),
    v1('PROXY TCP4  192.0.2.7 192.0.2.1 4711 2222\r\n'),
    v1(`PROXY UNKNOWN ${'x'.repeat(120)}\r\n`),
    v1(`PROXY ${'x'.repeat(120)}`),
    v2(0x31, 0x11, TCP4),
    v2(0x22, 0x11, TCP4),
    v2(0x21, 0x12, TCP4),
    v2(0x21, 0x11, TCP4.subarray(0, 11)),
    v2(0x21, 0x21, TCP4),
    v2(0x21, 0x11, Buffer.alloc(3000)),
  ])('is refused: %#', (header) => {
    expect(parseProxyHeader(header)).toBe('invalid');
  });

  it('never throws', () => {
    const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
    const start = fc.constantFrom(v1('PROXY TCP4 '), v2(0x21, 0x11, TCP4), Buffer.alloc(0));
    fc.assert(fc.property(start, bytes, (head, rest) => void parseProxyHeader(Buffer.concat([head, rest]))));
  });
});
