//! Metrics of the connections to the database.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
};

use super::Database;
use crate::metrics::Metrics;

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct Connections {
    state: &'static str,
}

pub(super) fn register(metrics: &mut Metrics, database: &Database) {
    let connections = Family::<Connections, Gauge>::default();
    let registry = metrics.registry();
    registry.register(
        "database_connections",
        "Connections to the database for requests",
        connections.clone(),
    );
    let limit = Gauge::<i64>::default();
    limit.set(database.max_connections());
    registry.register("database_connections_max", "How many there may be at once", limit);
    let database = database.clone();
    metrics.before_reading(move || {
        let (all, idle) = database.connections();
        for (state, count) in [("idle", idle), ("used", all - idle)] {
            connections.get_or_create(&Connections { state }).set(count);
        }
        std::future::ready(())
    });
}
