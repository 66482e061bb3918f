import { createHmac, timingSafeEqual } from 'node:crypto';
import { WaybillError } from '../../contracts/failures.ts';
import { runStatus } from '../../contracts/run.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import type { ApiDeps } from '../deps.ts';

/** A link that downloads one export's file without credentials, until it expires or is revoked. */
export interface Link {
  readonly url: string;
  readonly expiresAt: Date;
}

/** The query of a link. All three are checked together: none means anything alone. */
export interface LinkQuery {
  /** Milliseconds since 1970. */
  readonly expires: string;
  /** Milliseconds since 1970. */
  readonly issued: string;
  /** Base64url HMAC-SHA-256. */
  readonly signature: string;
}

export interface Links {
  /** @returns `null` when the export has no file to link to */
  mint(record: Run): Link | null;
  /** Checks the signature alone, before anything is looked up. @throws WaybillError `link_invalid` */
  verify(runId: string, query: LinkQuery): void;
  /** @throws WaybillError `link_expired`; `link_invalid` when the links of the export were revoked since */
  checkStands(record: Run, query: LinkQuery): void;
}

const NUMBER = /^\d{1,15}$/;

export function createLinks({ settings, clock }: Pick<ApiDeps, 'settings' | 'clock'>): Links {
  const sign = (runId: string, issued: string, expires: string) =>
    createHmac('sha256', settings.WAYBILL_LINK_SECRET).update(`waybill-link\n${runId}\n${issued}\n${expires}`).digest();

  return {
    mint(run) {
      const { runId, expiresAt: filesExpireAt, linksRevokedAt } = run;
      const at = clock.now();
      if (runStatus(run, at) !== 'completed' || filesExpireAt === null) return null;
      const now = at.getTime();
      // The ledger's clock wrote the revocation; a link minted after it must not count as older.
      const issued = Math.max(now, (linksRevokedAt?.getTime() ?? 0) + 1);
      const expires = Math.min(now + settings.WAYBILL_LINK_SECONDS * 1000, filesExpireAt.getTime());
      const signature = sign(runId, String(issued), String(expires)).toString('base64url');
      const query = new URLSearchParams({ expires: String(expires), issued: String(issued), signature });
      return { url: `${settings.WAYBILL_PUBLIC_URL}/exports/${runId}/file?${query}`, expiresAt: new Date(expires) };
    },

    verify(runId, { issued, expires, signature }) {
      const given = Buffer.from(signature, 'base64url');
      const right = sign(runId, issued, expires);
      const holds = given.byteLength === right.byteLength && timingSafeEqual(given, right);
      if (!holds || !NUMBER.test(issued) || !NUMBER.test(expires)) throw new WaybillError('link_invalid');
    },

    checkStands({ linksRevokedAt }, { issued, expires }) {
      if (clock.now().getTime() >= Number(expires)) throw new WaybillError('link_expired');
      if (linksRevokedAt !== null && Number(issued) <= linksRevokedAt.getTime()) {
        throw new WaybillError('link_invalid', 'The links of this export were revoked. Ask for the export again.');
      }
    },
  };
}
