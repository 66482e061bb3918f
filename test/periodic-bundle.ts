const AUDIT = 'createdAt createdBy updatedAt modifiedBy deleted';

/** The files that the periodic export is documented to have, in the order of its document, each with its columns. */
const COLUMNS: Readonly<Record<string, string>> = {
  answerSetResult:
    'id evaluationId evaluationBlockId evaluationBlockQuestionId evaluationCodeId teacherId questionHash ' +
    'questionScaleValueId value createdAt',
  answerSetTextResult:
    'id evaluationId evaluationBlockId evaluationBlockQuestionId evaluationCodeId teacherId questionHash text createdAt',
  evaluation: `id organisationId name description startDate endDate status subjectPeriodId externalId ${AUDIT}`,
  evaluationBlock: 'id evaluationId topicTypeId subjectId genericTopicId title index',
  evaluationBlockQuestion: 'id evaluationBlockId evaluationBlockQuestionSetId questionHash index required',
  evaluationBlockQuestionSet: 'id evaluationBlockId questionSetId name index',
  evaluationBlockTeacher: 'id evaluationBlockId teacherId',
  evaluationCode: 'id evaluationId groupName usedAt completedAt',
  evaluationFeedback: `id evaluationId userId submittedAt status ${AUDIT}`,
  evaluationFeedbackField: 'id evaluationFeedbackId name value index',
  evaluationFeedbackTask: 'id evaluationFeedbackId userId description dueDate completed',
  evaluationLabel: 'id name organisationId',
  evaluationToLabel: 'evaluationId evaluationLabelId',
  organisation:
    'id parent topOrganisation name code type externalId availableModules modules deleted createdBy modifiedBy ' +
    'createdAt updatedAt',
  question: 'hash code text type questionScaleHash organisationId',
  questionLabel: 'id name',
  questionScale: 'hash name type',
  questionScaleValue: 'id questionScaleHash value label index',
  questionToLabel: 'questionHash questionLabelId',
  subject: `id organisationId name code description externalId archived ${AUDIT}`,
  subjectGrade: 'id subjectId yearId grade participants',
  subjectGradePeriod: 'subjectGradeId id periodId grade',
  subjectLabel: 'id name',
  subjectToLabel: 'subjectId subjectLabelId',
  subjectTopicType: 'id subjectId topicTypeId',
  subjectTopicTypeTeacher: 'subjectTopicTypeId id teacherId',
  teacher: 'id organisationId userId name firstName prefix lastName email externalId archived',
  user: 'id name title firstName prefix lastName email externalId activated lastActivationMail noSurf',
  genericTopic:
    'id name description externalId code organisation topOrganisation archived deleted createdAt createdBy updatedAt ' +
    'modifiedBy',
  genericTopicToLabel: 'genericTopicId genericTopicLabelId',
  genericTopicLabel: 'id name',
  genericTopicTopicType: 'id genericTopicId topicTypeId index',
  topicType: 'id name code type',
  year: 'id organisationId name startDate endDate',
  period: 'id yearId name startDate endDate',
  subjectPeriod: 'id subjectId periodId',
};

/** Name and columns of each file. */
export const BUNDLE: readonly { readonly file: string; readonly columns: readonly string[] }[] = Object.entries(
  COLUMNS,
).map(([file, columns]) => ({ file, columns: columns.split(' ') }));
