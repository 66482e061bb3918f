import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FAILURES } from '../contracts/failures.ts';
import { type OwnServices, startOwnServices, useStack } from './context.ts';
import { readPage, runBlocks } from './documented.ts';

function expectKnownCodes(page: string): void {
  const named = [...page.matchAll(/`([a-z]+(?:_[a-z]+)+)`/g)].map((match) => match[1] ?? '');
  expect(named.length).toBeGreaterThan(2);
  for (const code of named) expect(FAILURES).toHaveProperty(code);
}

const onDemand = await readPage('docs/on-demand.md');
const periodic = await readPage('docs/periodic.md');
const recurring = await readPage('docs/recurring.md');
const webhooks = await readPage('docs/webhooks.md');
const requests = await readPage('docs/requests.md');
const questionnaires = await readPage('docs/questionnaires.md');

describe('docs/on-demand.md', () => {
  let outputs: readonly string[];

  beforeAll(async () => {
    outputs = await runBlocks(onDemand.blocks, { api: useStack().urls.api });
  });

  const outputOf = (line: string) => outputs[onDemand.blocks.findIndex((block) => block.includes(line))] ?? '';

  test.each([
    ['/oauth/token', /"access_token":"[^"]+".*"scope":"read write"/],
    ['cat job.json', /^\{"job":\{"id":"[A-Za-z0-9+/=]+"\}\}\nhttp:\S+\/exports\/[0-9a-f-]{36}\n$/],
    ['Idempotency-Key', /^\{"job":/],
    ['rowsPerFile', /"items":\[\{"name":"flights-0001\.csv","rows":\d+,.*"slice":\{"from":null,"to":"2001-01-/],
    [
      'verify flights\n',
      /^! the signature .*\n✓ \d csv files, .*: sizes and SHA-256 hold\n✓ [\d,]+ rows counted in the content\n$/,
    ],
    ['$EXPORT/events', /event: end\ndata: .*"state":"completed"/],
    ['--data-urlencode', /"status":"COMPLETED","exportData":\{"downloadUrl"/],
    ['head -3 flights.csv', /^Flight ID,Flight Date,Delay,.*\n\d+,2001-01-.*\n.*\n\{[\s\S]*"parts"/],
    ['-C -', /^Flight ID,.*[\s\S]*HTTP\/1.1 200 OK[\s\S]*content-length: \d+/i],
    ['/links', /^Flight ID,[\s\S]*\n?204\n$/],
    ['keygen', /^User ID,Firstname,/],
    ['x-private-key', /^User ID,Firstname,/],
    ['limit=10', /^\{"items":\[\{[\s\S]*"next":/],
    ['resubmit', /^20[24]\n$/],
    ['FLIGTHS', /"errors":\[.*"unknown_dataset".*"unknown_format".*"invalid_date"/],
  ])('the lines with %s do what they say', (line, output) => {
    expect(outputOf(line)).toMatch(output);
  });

  test('names only codes that there are', () => {
    expectKnownCodes(onDemand.text);
  });
});

describe('docs/periodic.md', () => {
  let services: OwnServices;
  let outputs: readonly string[];

  beforeAll(async () => {
    // Its own, because what a tenant has enabled is there once.
    services = await startOwnServices();
    outputs = await runBlocks(periodic.blocks, { api: services.url });
  });
  afterAll(() => services?.stop());

  const outputOf = (line: string) => outputs[periodic.blocks.findIndex((block) => block.includes(line))] ?? '';

  test.each([
    ['periodic.key', /^\{"enabled":true,"privateKey":"AGE-SECRET\n$/],
    ['until curl', /^\{"enabled":true,"recipient":"age1.*"generation":\{"generationId":"[0-9a-f-]{36}"/],
    ['head -3 user.csv', /^id,name,.*\n\d+,/],
    ['unzip -l', / year\.csv\n[\s\S]* 36 files\n$/],
    ['privateKey@', /^\[\s*\{"id":"\d+"/],
    ['parseJsonDataTypes=true', /^\[\s*\{"id":\d+,/],
    ['sealed=true', /^the same\n$/],
    ['periodic status', /^periodic +enabled\n[\s\S]*\nteacher +\d[\s\S]*teacher\.csv\nexport\n$/],
    [
      'verify export',
      /^! the signature .*\n✓ 36 csv files, .* opened: sizes of the content hold\n! .*\n✓ [\d,]+ rows counted in the content\n✓ the manifest is signed with key \S+\n✓ 36 csv files, /,
    ],
    ['verify sealed', /^✓ 36 csv files, .* sealed: sizes and SHA-256 hold\n✓ [\d,]+ rows counted in the content\n$/],
    ['SHA256SUMS', /^all there\n$/],
    ['--key-out second.key', /second\.csv\n$/],
    [
      'fourth.json',
      /^\{"enabled":true,"privateKey":null,"recipient":"age1.*\n\{"enabled":true,"privateKey":"AGE-SECRET-KEY-PQ-/,
    ],
    ['deleteSettings=true', /^\{"enabled":false\}\n\{"enabled":false\}\n$/],
    ['file=users', /"unknown_file".*"answerSetResult".*"unknown_file_type".*"csv"/],
  ])('the lines with %s do what they say', (line, output) => {
    expect(outputOf(line)).toMatch(output);
  });

  test('names only codes that there are', () => {
    expectKnownCodes(periodic.text);
  });
});

describe('docs/recurring.md', () => {
  let outputs: readonly string[];

  beforeAll(async () => {
    outputs = await runBlocks(recurring.blocks, { api: useStack().urls.api, sftpPort: useStack().ports.sftp });
  });

  const outputOf = (line: string) => outputs[recurring.blocks.findIndex((block) => block.includes(line))] ?? '';

  test.each([
    ['"frequency": "daily"\n}', /^\{"status":"success",.*"entities":\["user","user logins","content"\],"count":3,/],
    ['includeInactive', /"listOfItems":\[\{"tenant_code":"acme","entity":"content",.*"delivered_until":null/],
    [
      'export/runs',
      /"status":"run_started".*\n.*"listOfItems":\[\{.*"state":"delivered".*"load":"complete","window":\{"from":null/,
    ],
    ['full-load', /"status":"full_load_queued"/],
    ['ssh-keygen', /^\{"fingerprint":"SHA256:/],
    ['manifest/signature', /^the same\n$/],
    ['sha256sum', /^user_id,first_name,.*\n[0-9a-f-]{36},.*\n.*\nuser\.csv: OK\n$/],
    [
      '"usr"',
      /"errors":\[\{"field":"entityList","message":"entityList: There is no entity \\"usr\\"; did you mean user\?"/,
    ],
  ])('the lines with %s do what they say', (line, output) => {
    expect(outputOf(line)).toMatch(output);
  });
});

describe('docs/webhooks.md', () => {
  let services: OwnServices;
  let outputs: readonly string[];

  beforeAll(async () => {
    // Its own, because a tenant has one webhook.
    services = await startOwnServices();
    outputs = await runBlocks(webhooks.blocks, { api: services.url });
  });
  afterAll(() => services?.stop());

  const outputOf = (line: string) => outputs[webhooks.blocks.findIndex((block) => block.includes(line))] ?? '';

  test.each([
    ['webhook.secret)', /^\{"webhook":\{"url":"http:\/\/127\.0\.0\.1:9911\/waybill",/],
    ['receiver.mjs <<', /^\{"delivered":true,"status":204,"error":null,/],
    ['import base64', /^verified webhook\.test\n$/],
    [
      'callbackUrl',
      /^\{"job":[\s\S]*webhook\.test null undefined\nexport\.completed [0-9a-f-]{36} \d+\nexport\.completed /,
    ],
    ['limit=5', /"type":"export\.completed","exportId":"[0-9a-f-]{36}","target":"[\s\S]*"state":"delivered"/],
    ['/rotate', /"secret":"whsec_…"/],
    ['DELETE', /^\{"removed":true\}$/],
  ])('the lines with %s do what they say', (line, output) => {
    expect(outputOf(line)).toMatch(output);
  });

  test('names only codes that there are', () => {
    expectKnownCodes(webhooks.text);
  });
});

describe('docs/requests.md', () => {
  let outputs: readonly string[];

  beforeAll(async () => {
    outputs = await runBlocks(requests.blocks, { api: useStack().urls.api });
  });

  const outputOf = (line: string) => outputs[requests.blocks.findIndex((block) => block.includes(line))] ?? '';

  test.each([
    ['$EXPORT/realms', /^\{"success":true,"data":\[\{"id":"Jobs","name":"Jobs","fields":\[\{"name":"job_record_id"/],
    [
      'tee request.json',
      /^\{"success":true,"message":"Created export request","data":\[\{"id":\d+\}\],"total":1\}\n.*"state":"Available"/,
    ],
    [
      'unzip -o',
      /^Job Record ID,.*\n\d+,.*\nJobs, 2016-01-01 to 2016-12-31, both days included \(UTC\)\n\nJob Record ID: Number of/,
    ],
    [
      'SOME=',
      /Jobs--2016-01-01-2016-12-31\.xlsx.*README\.txt.*\nOnly rows with nodes from 2 to the last, both included\n/s,
    ],
    ['-X DELETE', /^\{"success":true,"message":"Deleted export request",.*\n\{"success":false,.*None was deleted/],
    [
      'realm=Beds',
      /"message":"There is no realm Beds\. .*one year is the most.*Choose CSV, JSON, XLSX, PARQUET, SAV, ZSAV or DTA/,
    ],
  ])('the lines with %s do what they say', (line, output) => {
    expect(outputOf(line)).toMatch(output);
  });

  test('names only codes that there are', () => {
    expectKnownCodes(
      requests.text.replaceAll(
        /`(?:start|end)_date`|`export_\w+`|`start_date`, `end_date`|`csv_preset`|`time_zone`/g,
        '',
      ),
    );
  });
});

describe('docs/questionnaires.md', () => {
  let outputs: readonly string[];

  beforeAll(async () => {
    outputs = await runBlocks(questionnaires.blocks, { api: useStack().urls.api });
  });

  const outputOf = (line: string) => outputs[questionnaires.blocks.findIndex((block) => block.includes(line))] ?? '';

  test.each([
    [
      '/start',
      /^\{"Questionnaires":\[\{"QuestionnaireIdentity":"74e2d30854914e24af6beae9be64130c\$\d".*\]?.*\{"JobId":\d+\}$/,
    ],
    [
      'unzip -l',
      /"HasExportedFile":true,.*"ExportStatus":"Finished","RunningProcess":null\}[\s\S]* export__readme\.txt\n[\s\S]* \d+ files\n$/,
    ],
    ['completed.zip', /"ExportStatus":"Completed"[\s\S]*\[\{"JobId":\d+.*"InterviewStatus":"Completed"/],
  ])('the lines with %s do what they say', (line, output) => {
    expect(outputOf(line)).toMatch(output);
  });
});
