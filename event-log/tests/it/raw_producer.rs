//! A producer that sends what no client library would: bytes of Kafka's protocol, written by hand.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// Sends one record with one header, whose name may be any bytes.
pub(crate) fn send(bootstrap: &str, topic: &str, partition: i32, value: &[u8], header_name: &[u8]) {
    let mut record = vec![0];
    varint(&mut record, 0);
    varint(&mut record, 0);
    varint(&mut record, -1);
    counted(&mut record, value);
    varint(&mut record, 1);
    counted(&mut record, header_name);
    counted(&mut record, b"header value");

    // From the attributes on, which the checksum covers.
    let mut covered = Vec::new();
    covered.extend(0_i16.to_be_bytes());
    covered.extend(0_i32.to_be_bytes());
    covered.extend([0_i64.to_be_bytes(); 2].concat());
    covered.extend((-1_i64).to_be_bytes());
    covered.extend((-1_i16).to_be_bytes());
    covered.extend((-1_i32).to_be_bytes());
    covered.extend(1_i32.to_be_bytes());
    counted(&mut covered, &record);

    let mut batch = Vec::new();
    batch.extend((-1_i32).to_be_bytes());
    batch.push(2);
    batch.extend(crc32c(&covered).to_be_bytes());
    batch.extend(covered);
    let batch = [&0_i64.to_be_bytes()[..], &length(&batch), &batch].concat();

    let mut request = Vec::new();
    request.extend([0_i16.to_be_bytes(), 3_i16.to_be_bytes()].concat());
    request.extend(7_i32.to_be_bytes());
    request.extend([(-1_i16).to_be_bytes(), (-1_i16).to_be_bytes(), (-1_i16).to_be_bytes()].concat());
    request.extend(30_000_i32.to_be_bytes());
    request.extend(1_i32.to_be_bytes());
    request.extend(i16::try_from(topic.len()).expect("a short name").to_be_bytes());
    request.extend(topic.as_bytes());
    request.extend([1_i32.to_be_bytes(), partition.to_be_bytes()].concat());
    request.extend([&length(&batch)[..], &batch].concat());

    let mut broker = TcpStream::connect(bootstrap).expect("the broker listens");
    broker.write_all(&[&length(&request)[..], &request].concat()).expect("the broker reads");
    let mut size = [0; 4];
    broker.read_exact(&mut size).expect("the broker answers");
    let mut answer = vec![0; usize::try_from(u32::from_be_bytes(size)).expect("a size")];
    broker.read_exact(&mut answer).expect("the broker answers");
    // Correlation, count and name of topics, count and number of partitions come before it.
    let at = 4 + 4 + 2 + topic.len() + 4 + 4;
    assert_eq!(answer[at..at + 2], [0, 0], "the broker refused the record: {answer:?}");
}

fn length(bytes: &[u8]) -> [u8; 4] {
    i32::try_from(bytes.len()).expect("short").to_be_bytes()
}

fn counted(into: &mut Vec<u8>, bytes: &[u8]) {
    varint(into, i64::try_from(bytes.len()).expect("short"));
    into.extend(bytes);
}

fn varint(into: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        into.push(u8::try_from(rest & 0x7f).expect("seven bits") | 0x80);
        rest >>= 7;
    }
    into.push(u8::try_from(rest).expect("seven bits"));
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    })
}
