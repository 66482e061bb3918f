import type { Reach } from '../../contracts/limits.ts';
import type { ApiDeps } from '../deps.ts';
import type { RunServices } from '../runs/services.ts';
import type { PortalApp } from './environment.ts';
import type { Sessions } from './session/sessions.ts';
import type { Bundles } from './shell/bundles.ts';
import type { Shell } from './shell/page.ts';

/** What the pages work with. */
export interface PortalDeps extends ApiDeps {
  readonly runs: RunServices;
  readonly shell: Shell;
  readonly sessions: Sessions;
  readonly bundles: Bundles;
}

/**
 * A tab: its page, and the pages below it. Adding one means a file with its routes, one or two with its pages, and a line in
 * `mount.ts`.
 */
export interface Tab {
  /** Address of its page below `/portal`, for example `/on-demand`. */
  readonly path: string;
  readonly name: string;
  /** What its pages are about: a credential whose limits do not allow that sees no tab. `null`: every credential may open it. */
  readonly reach: Reach | null;
  /**
   * Names of fields of the form of its page that an address may hold: they are kept if the form is sent by somebody whose session is
   * over. None that is secret or personal. @default none
   */
  readonly keeps?: readonly string[];
  /** Whether this deployment has it. @default it has */
  readonly isOffered?: (deps: Pick<ApiDeps, 'catalog' | 'settings'>) => boolean;
  /**
   * Addresses are those below `/portal`. The caller has logged in; one that posts a form may write, and the token of the form
   * has been checked.
   */
  mount(app: PortalApp, deps: PortalDeps): void;
}
