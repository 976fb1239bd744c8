import type { DeployPlan, ModuleSummary, PlannedSchema, ValidationReport } from '../registry/control.ts';
import { errorShapeOf } from './error-shape.ts';
import type { Plan, Validation } from './rest-shapes.ts';

export function validationShape(report: ValidationReport): Validation {
  return {
    ok: report.ok,
    ...(report.name === undefined ? {} : { name: report.name }),
    ...(report.type === undefined ? {} : { type: report.type }),
    ...(report.module === undefined ? {} : { module: summaryShape(report.module) }),
    errors: report.errors.map(errorShapeOf),
  };
}

export function planShape(plan: DeployPlan): Plan {
  const { module, group } = plan;
  return {
    name: plan.name,
    action: plan.action,
    changes: plan.changes.map(({ field, before, after }) => ({ field, before, after })),
    ...(module === undefined
      ? {}
      : { module: { ...summaryShape(module), ...(module.before === undefined ? {} : { before: module.before }) } }),
    group: {
      group_id: group.groupId,
      state: group.state,
      members: group.members,
      ...(group.lag === undefined ? {} : { lag: group.lag }),
      start: group.start,
    },
    topics: plan.topics.map(({ role, topic, partitions, creates }) => ({
      role,
      ...(topic === undefined ? {} : { topic }),
      ...(partitions === undefined ? {} : { partitions }),
      creates,
    })),
    schemas: plan.schemas.map(plannedSchemaShape),
    effects: [...plan.effects],
    errors: plan.errors.map(errorShapeOf),
  };
}

function plannedSchemaShape(planned: PlannedSchema): Plan['schemas'][number] {
  const { part, subject, version, id, type, registers, compatible, level, messages } = planned;
  return {
    part,
    subject,
    version,
    ...(id === undefined ? {} : { id }),
    type,
    registers,
    ...(compatible === undefined ? {} : { compatible }),
    ...(level === undefined ? {} : { level }),
    messages: [...messages],
  };
}

function summaryShape({ path, sha256, exports, imports }: ModuleSummary): NonNullable<Validation['module']> {
  return { path, sha256, exports: [...exports], imports: [...imports] };
}
