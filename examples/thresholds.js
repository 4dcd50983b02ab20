// Is the service fast enough? A short ramp, judged by thresholds: k6 ends with exit code 99 when one
// of them is crossed. Sub-metrics such as http_req_duration{kind:first} are judged on their own.
//
//   k6 run --out elasticsearch -e BASE_URL=https://shop.example.com -e PATHS=/,/about thresholds.js

import http from 'k6/http';
import { check, group, sleep } from 'k6';
import { Rate } from 'k6/metrics';

const BASE_URL = __ENV.BASE_URL || 'http://127.0.0.1:8080';
const PATHS = (__ENV.PATHS || '/').split(',');

const visits = new Rate('visits_without_error');

export const options = {
  stages: [
    { duration: '5s', target: 5 },
    { duration: '10s', target: 5 },
    { duration: '2s', target: 0 },
  ],
  thresholds: {
    http_req_duration: ['p(95)<500', 'p(99)<1000'],
    'http_req_duration{kind:first}': ['p(95)<750'],
    http_req_failed: [{ threshold: 'rate<0.5', abortOnFail: true, delayAbortEval: '5s' }],
    checks: ['rate>0.9'],
    visits_without_error: ['rate>0.9'],
  },
};

export default function () {
  group('visit', () => {
    const ok = PATHS.map((path, i) => {
      const res = http.get(BASE_URL + path, { tags: { name: path, kind: i === 0 ? 'first' : 'further' } });
      return check(res, { 'is below 400': (r) => r.status > 0 && r.status < 400 });
    });
    visits.add(ok.every((x) => x));
  });
  sleep(0.5);
}
