import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { Board } from './board.ts';

const OF = 'transform=~"$transform",instance=~"$instance"';

/** Which records were given up, how many, and why. */
export function deadLetters(): Dashboard {
  const board = new Board({
    uid: 'streamline-dead-letters',
    title: 'Streamline / Dead letters',
    description:
      'Which records were given up, how many, and why. How to look at them and replay them: docs/operations.md, Dead letters.',
    transforms: 'several',
  });
  figures(board);
  board.row('How many');
  howMany(board);
  board.row('Why');
  why(board);
  return board.build();
}

function figures(board: Board): void {
  board
    .stat({
      title: 'Dead letters',
      description: 'Records on dead-letter topics, in the time shown.',
      unit: 'short',
      queries: {
        [`sum(increase(streamline_transform_records_total{outcome="dead_lettered",${OF}}[$__range]))`]: 'records',
      },
      width: 6,
      warnFrom: 1,
    })
    .stat({
      title: 'Skipped',
      description: 'Records given up without a dead letter (on_failure: skip), in the time shown.',
      unit: 'short',
      queries: { [`sum(increase(streamline_transform_records_total{outcome="skipped",${OF}}[$__range]))`]: 'records' },
      width: 6,
      warnFrom: 1,
    })
    .stat({
      title: 'Share given up',
      description: 'Dead letters and skipped records among all that settled, in the time shown.',
      unit: 'percentunit',
      queries: {
        [`sum(increase(streamline_transform_records_total{outcome=~"dead_lettered|skipped",${OF}}[$__range])) / sum(increase(streamline_transform_records_total{outcome!="returned",${OF}}[$__range]))`]:
          'share',
      },
      width: 6,
      warnFrom: 0.01,
      alarmFrom: 0.5,
    })
    .stat({
      title: 'Retries',
      description: 'Attempts after the first, in the time shown. Each costs the partition its time.',
      unit: 'short',
      queries: { [`sum(increase(streamline_transform_retries_total{${OF}}[$__range]))`]: 'attempts' },
      width: 6,
    });
}

function howMany(board: Board): void {
  board
    .graph({
      title: 'Dead letters by transform',
      description: 'Records on dead-letter topics, a second.',
      unit: 'recps',
      queries: {
        [`sum by (transform) (rate(streamline_transform_records_total{outcome="dead_lettered",${OF}}[$__rate_interval]))`]:
          '{{transform}}',
      },
      width: 12,
      stacked: true,
    })
    .graph({
      title: 'Share given up by transform',
      description: 'Near 1: it is the module, or what comes in has changed. Near 0: single records are at fault.',
      unit: 'percentunit',
      queries: {
        [`sum by (transform) (rate(streamline_transform_records_total{outcome=~"dead_lettered|skipped",${OF}}[$__rate_interval])) / sum by (transform) (rate(streamline_transform_records_total{outcome!="returned",${OF}}[$__rate_interval]))`]:
          '{{transform}}',
      },
      width: 12,
    });
}

function why(board: Board): void {
  board
    .table({
      title: 'Dead letters by code',
      description:
        'Since the sidecars started, by the error code of the last attempt. What the codes mean: README, error codes. The header streamline.error.code of a dead letter says the same.',
      width: 12,
      height: 9,
      rows: 'code',
      columns: [
        {
          title: 'Dead letters',
          unit: 'short',
          query: `sum by (transform, code) (streamline_transform_dead_letters_total{${OF}})`,
        },
      ],
    })
    .table({
      title: 'Skipped records by code',
      description:
        'Since the sidecars started, by the error code of the last attempt. These are nowhere but in the input topic.',
      width: 12,
      height: 9,
      rows: 'code',
      columns: [
        {
          title: 'Skipped',
          unit: 'short',
          query: `sum by (transform, code) (streamline_transform_skipped_records_total{${OF}})`,
        },
      ],
    })
    .graph({
      title: 'Dead letters by code',
      description:
        'Records on dead-letter topics, a second, by the error code of their last attempt. A code is not seen here before its second scrape: the table above has all.',
      unit: 'recps',
      queries: {
        [`sum by (transform, code) (rate(streamline_transform_dead_letters_total{${OF}}[$__rate_interval]))`]:
          '{{transform}} {{code}}',
      },
      width: 12,
      stacked: true,
    })
    .graph({
      title: 'Failed attempts by code',
      description: 'Each attempt counts: what is here and not on the left was made good by a retry.',
      unit: 'cps',
      queries: {
        [`sum by (transform, code) (rate(streamline_transform_errors_total{${OF}}[$__rate_interval]))`]:
          '{{transform}} {{code}}',
      },
      width: 12,
      stacked: true,
    });
}
