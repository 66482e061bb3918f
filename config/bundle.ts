import type { Bundle, BundleQuery, Column, ColumnType, Dataset } from './dataset.ts';

/** What the queries of a {@link Bundle} select besides its tenant column. */
const MEMBER_COLUMNS = {
  questionnaire_id: 'uuid',
  version: 'integer',
  variable: 'text',
  title: 'text',
  imported_at: 'timestamp',
} as const satisfies Readonly<Record<string, ColumnType>>;

const TABLE_COLUMNS = {
  table_name: 'text',
  part: 'text',
  source_sql: 'text',
  parent_keys: 'json',
  position: 'integer',
  column_name: 'text',
  type: 'text',
  label: 'text',
  value_labels: 'json',
  missing: 'json',
} as const satisfies Readonly<Record<string, ColumnType>>;

export const ATTACHMENT_COLUMNS = {
  interview__key: 'text',
  folder: 'text',
  file_name: 'text',
  object_key: 'text',
} as const satisfies Readonly<Record<string, ColumnType>>;

/** The query of all questionnaire versions, as a dataset. */
export function membersDataset(bundle: Bundle): Dataset {
  return queryDataset(bundle, 'members', bundle.members, MEMBER_COLUMNS, []);
}

/** The query of the tables of one version. */
export function tablesDataset(bundle: Bundle): Dataset {
  return queryDataset(bundle, 'tables', bundle.tables, TABLE_COLUMNS, VERSION_PARAMETERS);
}

/** The query of the attachments of one version; `undefined`: there are none. */
export function attachmentsDataset(bundle: Bundle): Dataset | undefined {
  return bundle.attachments
    ? queryDataset(bundle, 'attachments', bundle.attachments, ATTACHMENT_COLUMNS, VERSION_PARAMETERS)
    : undefined;
}

/** All queries of a bundle, with their place in it. */
export function bundleQueries(bundle: Bundle): readonly { readonly place: string; readonly dataset: Dataset }[] {
  const attachments = attachmentsDataset(bundle);
  return [
    { place: 'members', dataset: membersDataset(bundle) },
    { place: 'tables', dataset: tablesDataset(bundle) },
    ...(attachments ? [{ place: 'attachments', dataset: attachments }] : []),
  ];
}

/** What the queries of one version bind. */
const VERSION_PARAMETERS = [
  { name: 'questionnaire_id', type: 'text', required: true, title: null },
  { name: 'version', type: 'integer', required: true, title: null },
] as const;

function queryDataset(
  { name, title, tenantColumn }: Bundle,
  place: string,
  { sql }: BundleQuery,
  columns: Readonly<Record<string, ColumnType>>,
  parameters: Dataset['parameters'],
): Dataset {
  return {
    ...{ name: `${name}.${place}`, title, sql, tenantColumn, parameters },
    columns: Object.entries(columns).map(
      ([column, type]): Column => ({ name: column, header: column, type, label: null, valueLabels: null }),
    ),
    ...{ createdColumn: null, modifiedColumn: null, deletedColumn: null, key: [], formats: [], doors: [] },
  };
}
