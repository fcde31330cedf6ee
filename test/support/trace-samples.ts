/** One small file of every format, written for the tests after the documented columns. */
import { plainJob } from '../../scenarios/readers/row.ts';
import type { TraceFormat, TraceJob } from '../../scenarios/resolved.ts';

const s = 1_000_000;
const day = 86_400 * s;
/** 2020-06-09 is 18,422 days after 1970-01-01, 2023-03-01 is 19,417, 2023-11-16 is 19,677. */
const clock = (days: number, h: number, m: number, sec: number): number => days * day + (h * 3600 + m * 60 + sec) * s;

const row = (
  id: string,
  submitUs: number,
  gpus: number,
  durationUs: number,
  more: Partial<TraceJob> = {},
): TraceJob => ({ ...plainJob(id, submitUs, gpus, durationUs), ...more });

export interface Sample {
  text: string;
  jobs: TraceJob[];
}

export const traceSamples: Record<TraceFormat, Sample> = {
  philly: {
    text: '#job id,arrival time (sec),topology,shape,size,duration (sec)\r\n0,0.0,CLOS,1,1,36.0\r\n1,5.5,CLOS,1,16,0.0',
    jobs: [row('0', 0, 1, 36 * s), row('1', 5.5 * s, 16, 1)],
  },
  'openb-pods': {
    text:
      'name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n' +
      'pod-0,12000,16384,1,460,,LS,Running,0,100,10\n' +
      'pod-1,4000,8192,0,0,,LS,Succeeded,20,50,21\n' +
      'pod-2,64000,65536,2,1000,V100M16|V100M32,BE,Pending,30,70,\n',
    jobs: [
      row('pod-0', 0, 1, 90 * s, { gpuMilli: 460, cpuMilli: 12000, ramMiB: 16384 }),
      row('pod-1', 20 * s, 0, 29 * s, { cpuMilli: 4000, ramMiB: 8192 }),
      row('pod-2', 30 * s, 2, -1, { cpuMilli: 64000, ramMiB: 65536, models: 'V100M16|V100M32' }),
    ],
  },
  'microsoft-itp': {
    text: 'job_id,submission_time,duration,num_gpu\n6b2d9ccc-6279,16566,3890,4\n0a,16570,600,64\n',
    jobs: [row('6b2d9ccc-6279', 16566 * s, 4, 3890 * s), row('0a', 16570 * s, 64, 600 * s)],
  },
  muri: {
    text:
      'job_id,num_gpu,submit_time,iterations,model_name,batch_size,duration,interval,iteration_time,resource_time_0,resource_time_1,resource_time_2,priority\n' +
      '0,4,0,1046811,shufflenet,128,927475000,11174000,886,703,62,17,0\n' +
      '1,4,1456.5,1005573,resnet18,128,926133000,1456000,921,723,113,73,1\n',
    jobs: [row('0', 0, 4, 927_475 * s), row('1', 1_456_500, 4, 926_133 * s)],
  },
  tiresias: {
    text: 'job_id,num_gpu,submit_time,iterations,model_name,duration,interval\n0,1,0,606,vgg19,164,30\n1,8,30,133,vgg11,147,23\n',
    jobs: [row('0', 0, 1, 164 * s), row('1', 30 * s, 8, 147 * s)],
  },
  gavel: {
    text:
      'ResNet-18 (batch size 128)\tcd x && python3 main.py\t--num_steps\t1\t17990\t11.000000\t1\n' +
      'A3C\tcd x && python3 main.py\t--max-steps\t1\t1436\t12.500000\t2\n',
    // 17.99 steps/s on one V100; A3C was measured on one (7.18 steps/s) and is scaled to two.
    jobs: [row('0', 11 * s, 1, 1000 * s), row('1', 12.5 * s, 2, 100 * s)],
  },
  shockwave: {
    text: 'LM (batch size 10)\tpython3 main.py\tlanguage_modeling\t--steps\t1\t134583\t2\tgns\t1\t-1.000000\t1418\t7\n',
    jobs: [row('0', 7 * s, 2, 1418 * s)],
  },
  'azure-llm': {
    text: 'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0319600,3180,8',
    jobs: [
      row('1', clock(19_677, 18, 17, 3) + 979_960, 1, -1, { inputTokens: 4808, outputTokens: 10 }),
      row('2', clock(19_677, 18, 17, 4) + 31_960, 1, -1, { inputTokens: 3180, outputTokens: 8 }),
    ],
  },
  mooncake: {
    text:
      '{"timestamp": 0, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1]}\n' +
      '{"timestamp": 27, "input_length": 7322, "output_length": 490, "hash_ids": []}\n',
    jobs: [
      row('1', 0, 1, -1, { inputTokens: 6758, outputTokens: 500 }),
      row('2', 27_000, 1, -1, { inputTokens: 7322, outputTokens: 490 }),
    ],
  },
  swf: {
    text:
      '; Version: 2.2\n; UnixStartTime: 1038700000\n\n' +
      '  1   0  3  120  8 -1 -1 16  600 -1  1  4  1 -1  1 -1 -1 -1\n' +
      '  2  10 -1   -1 -1 -1 -1  2   -1 -1  5 -1  1 -1  1 -1 -1 -1\n' +
      '  3  11  0   60  4 -1 -1 -1   -1 -1  3  4  1 -1  1 -1 -1 -1\n' +
      '  4  12  0   60  4 -1 -1 -1   90 -1  0  4  1 -1  1 -1 -1 -1\n',
    jobs: [
      row('1', 0, 16, 120 * s, { limitUs: 600 * s, user: 'user-4' }),
      row('2', 10 * s, 2, -1),
      row('4', 12 * s, 4, 60 * s, { limitUs: 90 * s, user: 'user-4', fails: true }),
    ],
  },
  acme: {
    text:
      'job_id,user,node_num,gpu_num,cpu_num,type,state,submit_time,start_time,end_time,duration,queue,gpu_time\n' +
      '57,u1,1,8,128,Pretrain,FAILED,2023-03-01 00:18:22+08:00,2023-03-01 00:18:54+08:00,2023-03-01 00:20:51+08:00,117,32,936.0\n' +
      '58,u1,1,0,4.0,Other,COMPLETED,2023-03-01 00:23:58+08:00,2023-03-01 00:24:11+08:00,,,13,\n',
    jobs: [
      row('57', clock(19_416, 16, 18, 22), 8, 117 * s, { cpuMilli: 128_000, user: 'Pretrain', fails: true }),
      row('58', clock(19_416, 16, 23, 58), 0, -1, { cpuMilli: 4000, user: 'Other' }),
    ],
  },
  helios: {
    text:
      'job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,end_time,duration,queue\n' +
      '11,ua,vcA,1,1,1,COMPLETED,2020-06-09 18:41:01,2020-06-09 18:41:01,2020-06-10 04:55:09,36848,0\n' +
      '12,ub,vcB,4,16,1,NODE_FAIL,2020-06-09 18:41:27,2020-06-09 18:41:27,2020-06-09 18:45:36,249,0\n',
    jobs: [
      row('11', clock(18_422, 18, 41, 1), 1, 36_848 * s, { cpuMilli: 1000, user: 'vcA' }),
      row('12', clock(18_422, 18, 41, 27), 4, 249 * s, { cpuMilli: 16_000, user: 'vcB', fails: true }),
    ],
  },
  csv: {
    text:
      'duration_seconds,id,submit_seconds,gpus,gpu_milli,cpu_milli,ram_mib,models,limit_seconds,input_tokens,output_tokens,user,fails\n' +
      '64.5,a,0,1,500,2000,4096,t4|a10,100,0,0,team,1\n' +
      ',b,2.25,2,,,,,,100,7,,\n',
    jobs: [
      row('a', 0, 1, 64.5 * s, {
        gpuMilli: 500,
        cpuMilli: 2000,
        ramMiB: 4096,
        models: 't4|a10',
        limitUs: 100 * s,
        user: 'team',
        fails: true,
      }),
      row('b', 2.25 * s, 2, -1, { inputTokens: 100, outputTokens: 7 }),
    ],
  },
};
