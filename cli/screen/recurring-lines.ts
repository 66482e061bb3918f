import type { z } from 'zod';
import type { RecurringRunView, RegistrationsAnswer } from '../../contracts/views/recurring.ts';
import { formatBytes, formatCount, formatTime } from './figures.ts';
import { plain, type Terminal, tableLines } from './terminal.ts';

type Registration = z.infer<typeof RegistrationsAnswer>['result']['listOfItems'][number];

/** The registered entities, then why some of them are not delivered. */
export function registrationLines(terminal: Terminal, entities: readonly Registration[]): readonly string[] {
  const columns = ['ENTITY', 'STATE', 'DELIVERED UNTIL (UTC)', 'NEXT'].map((title) => ({ title }));
  const rows = entities.map((one) => [
    plain(one.entity),
    stateText(terminal, one),
    formatTime(one.delivered_until),
    one.is_active ? (one.full_load_queued ? 'complete load' : one.frequency) : '',
  ]);
  const reasons = entities.flatMap(({ entity, held, last_error }) => {
    const failure = held ?? last_error;
    return failure
      ? [`${terminal.paint('red', '✗')} ${plain(entity)}: ${plain(failure.message)} (${failure.code})`]
      : [];
  });
  return [...tableLines(terminal, columns, rows), ...reasons];
}

function stateText(terminal: Terminal, { is_active, held, last_error }: Registration): string {
  if (!is_active) return terminal.paint('dim', 'inactive');
  if (held) return terminal.paint('red', 'held');
  return last_error ? terminal.paint('red', 'failed') : terminal.paint('green', 'active');
}

const PAINTS = { delivered: 'green', running: 'cyan', failed: 'red' } as const;

/** Runs, the newest first, then why some of them or of their files failed. */
export function runLines(terminal: Terminal, runs: readonly RecurringRunView[]): readonly string[] {
  const columns = [
    ...[{ title: 'DAY' }, { title: 'STATE' }, { title: 'STARTED (UTC)' }],
    ...['FILES', 'ROWS', 'SIZE'].map((title) => ({ title, align: 'right' as const })),
    { title: 'RUN' },
  ];
  const rows = runs.map((run) => [
    run.day,
    terminal.paint(run.state in PAINTS ? PAINTS[run.state as keyof typeof PAINTS] : 'dim', run.state),
    formatTime(run.started_at),
    formatCount(run.files.filter(({ error }) => error === null).length),
    run.rows === null ? '' : formatCount(run.rows),
    run.bytes === null ? '' : formatBytes(run.bytes),
    run.run_id,
  ]);
  return [...tableLines(terminal, columns, rows), ...runs.flatMap((run) => failureLines(terminal, run))];
}

/** Why a run, or some of its files, failed. */
function failureLines(terminal: Terminal, { day, error, files }: RecurringRunView): readonly string[] {
  const bad = terminal.paint('red', '✗');
  const own = error ? [`${bad} ${day}: ${plain(error.message)} (${error.code})`] : [];
  const ofFiles = files.flatMap(({ entity, error: failure }) =>
    failure ? [`${bad} ${day} ${plain(entity)}: ${plain(failure.message)} (${failure.code})`] : [],
  );
  return [...own, ...ofFiles];
}

/** The files of one run. */
export function runFileLines(terminal: Terminal, run: RecurringRunView): readonly string[] {
  const columns = [
    ...['ENTITY', 'LOAD', 'FROM (UTC)', 'TO (UTC)'].map((title) => ({ title })),
    { title: 'ROWS', align: 'right' as const },
  ];
  const rows = run.files.map(({ entity, load, window, rows: count }) => [
    plain(entity),
    load,
    formatTime(window.from) || 'the first row',
    formatTime(window.to),
    count === null ? '' : formatCount(count),
  ]);
  return [...tableLines(terminal, columns, rows), ...failureLines(terminal, run)];
}
