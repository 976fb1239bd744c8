import type { ModuleView } from '../registry/control.ts';
import type { Module } from './rest-shapes.ts';
import { timeOf } from './transform-shape.ts';

export function moduleShape(view: ModuleView): Module {
  return {
    path: view.path,
    name: view.name,
    sha256: view.sha256,
    size_bytes: view.sizeBytes,
    uploaded: view.uploaded,
    modified: timeOf(view.modifiedMs),
    used_by: [...view.usedBy],
  };
}
