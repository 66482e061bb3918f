import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadCatalog } from '../config/catalog.ts';
import type { Catalog } from '../config/dataset.ts';
import type { ExportKind } from '../contracts/run.ts';

let catalog: Catalog;
beforeAll(async () => {
  catalog = await loadCatalog(join(import.meta.dirname, 'sample'));
});

function offered(kind: ExportKind): readonly (string | undefined)[] {
  return catalog.datasets.filter((dataset) => dataset.doors.includes(kind)).map((dataset) => dataset.offeredAs);
}

function headers(name: string): string | undefined {
  return catalog
    .find(name)
    ?.columns.map((column) => column.header)
    .join(',');
}

describe('on demand', () => {
  test('the published export types and FLIGHTS are offered, and nothing else', () => {
    expect(offered('on-demand')).toEqual([
      ...['ELEARNING_ENROLLMENTS', 'LEARNING_ACTIVITIES', 'NETWORKS', 'USERS', 'LEARNING_ACTIVITY_INTERACTIONS'],
      'FLIGHTS',
    ]);
  });

  test.each([
    ['ELEARNING_ENROLLMENTS', 'User ID,Registration Date,Program Completion Date,Product ID,Program Name'],
    [
      'LEARNING_ACTIVITIES',
      'User ID,Product ID,Program Name,Learning Activity ID,Learning Activity Name,Learning Activity Date,Timespent,Status,Score',
    ],
    [
      'USERS',
      'User ID,Firstname,Middlename,Lastname,Network ID,Network Name,Grouping,Account Creation Date,Account Confirmed Date,Confirmed Status,Locale,Day Of Birth,Month Of Birth,Street Address,City,Region,Postalcode,Country Code,Gender,Library,Id- Number,Phone,Department',
    ],
  ])('%s has the published headers', (name, published) => {
    expect(headers(name)).toBe(published);
  });

  test('NETWORKS begins as published', () => {
    expect(headers('NETWORKS')).toMatch(/^Network ID,Network Name,/);
  });

  test('LEARNING_ACTIVITY_INTERACTIONS is JSONL only and needs learningActivityId', () => {
    expect(catalog.find('LEARNING_ACTIVITY_INTERACTIONS')).toMatchObject({
      formats: ['jsonl'],
      parameters: [{ name: 'learningActivityId', type: 'integer', required: true }],
    });
  });
});

test('the 36 periodic files are offered', () => {
  const files =
    'answerSetResult answerSetTextResult evaluation evaluationBlock evaluationBlockQuestion evaluationBlockQuestionSet evaluationBlockTeacher evaluationCode evaluationFeedback evaluationFeedbackField evaluationFeedbackTask evaluationLabel evaluationToLabel organisation question questionLabel questionScale questionScaleValue questionToLabel subject subjectGrade subjectGradePeriod subjectLabel subjectToLabel subjectTopicType subjectTopicTypeTeacher teacher user genericTopic genericTopicToLabel genericTopicLabel genericTopicTopicType topicType year period subjectPeriod';
  expect(offered('periodic')).toEqual(files.split(' '));
});

test('the 26 recurring entities are offered under their display names, and named by their internal ones', () => {
  const entities =
    'user, user logins, site, site category, content, comment, feed, file, interaction, must reads, theme, section instance, newsletter, newsletter interaction, newsletter category, survey response, survey recipient, survey instance, survey instance question, survey question bank, survey question answer bank, sentiment check configuration, sentiment check response, awareness check question, awareness check option, awareness check response'.split(
      ', ',
    );
  expect(offered('recurring')).toEqual(entities);
  const internal = new Map([
    ['user logins', 'user_login_events'],
    ['must reads', 'content_must_read_marked'],
  ]);
  for (const entity of entities) {
    expect(catalog.find(internal.get(entity) ?? entity.replaceAll(' ', '_'))?.offeredAs).toBe(entity);
  }
  const deletable = catalog.datasets.filter(({ doors, deletedColumn }) => doors.includes('recurring') && deletedColumn);
  expect(deletable.length).toBeGreaterThan(5);
});

test('the tables of the questionnaire are offered under their names in an archive', () => {
  expect(offered('questionnaire')).toEqual([
    ...['household', 'members', 'occupations', 'interview__actions', 'interview__comments', 'interview__diagnostics'],
    ...['interview__errors', 'assignment__actions', 'paradata'],
  ]);
});

test('every field of a realm is documented', () => {
  expect(offered('requests')).toEqual(['Jobs', 'Cloud', 'Storage']);
  const fields = catalog.datasets.filter(({ doors }) => doors.includes('requests')).flatMap(({ columns }) => columns);
  expect(fields.filter((field) => field.label === null)).toEqual([]);
});
