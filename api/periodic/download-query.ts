import type { Context } from 'hono';
import { FILE_TYPES } from '../../contracts/generation.ts';
import type { ApiEnv } from '../deps.ts';
import type { FieldError } from '../http/problems.ts';
import type { Opening } from './access.ts';
import type { Form } from './content.ts';
import { type QueryReader, readQuery, refuseWrong } from './query.ts';

/** What a download asks for, before its key is proven. */
export interface Wanted<More> {
  readonly more: More;
  readonly opening: Opening;
  readonly shape: Pick<Form, 'fileType' | 'typed'>;
}

/**
 * Reads what `download` and `downloadAll` have in common. The key may come in a header, which no proxy writes down, or in
 * the query, where the vendor's clients send it.
 *
 * @param readMore reads what this download has beyond that, first
 * @throws InvalidFields with all that is wrong; WaybillError `foreign_organisation`
 */
export function readDownload<More>(c: Context<ApiEnv>, readMore: (query: QueryReader) => More): Wanted<More> {
  const errors: FieldError[] = [];
  const query = readQuery(c, errors);
  const more = readMore(query);
  const fileType = query.choice('fileType', FILE_TYPES, 'unknown_file_type') ?? 'csv';
  const typed = query.flag('parseJsonDataTypes');
  const sealed = query.flag('sealed');
  const inQuery = query.text('privateKey');
  const organisation = query.text('organisation');
  refuseWrong(c, errors, organisation);
  const opening = sealed ? { sealed } : { sealed, privateKey: c.req.header('x-private-key') || inQuery };
  return { more, opening, shape: { fileType, typed } };
}
