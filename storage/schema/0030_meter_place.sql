-- Where the meters that are active stood at a moment: line, usage point, area with its time zone, feeder, and what they are
-- thought to draw. A plain query, so that the planner sees through it.
CREATE FUNCTION meter_place(moment timestamptz) RETURNS TABLE (
    meter text, address text, model text, line text, protocol text, point text, label text, tariff text, area text,
    timezone text, feeder text, watts bigint
) LANGUAGE sql STABLE AS $$
    SELECT m.name, m.address, m.model, l.name, l.protocol, p.name, coalesce(p.address, p.name), p.tariff, a.name,
           a.timezone, f.name, load.watts
    FROM meter m
    JOIN line l ON l.id = m.line_id
    LEFT JOIN meter_installation i ON i.meter_id = m.id AND i."from" <= moment AND (i."to" IS NULL OR i."to" > moment)
    LEFT JOIN usage_point p ON p.id = i.usage_point_id
    LEFT JOIN area_point ap ON ap.usage_point_id = p.id AND ap."from" <= moment AND (ap."to" IS NULL OR ap."to" > moment)
    LEFT JOIN area a ON a.id = ap.area_id
    LEFT JOIN area_feeder af ON af.area_id = a.id AND af."from" <= moment AND (af."to" IS NULL OR af."to" > moment)
    LEFT JOIN feeder f ON f.id = af.feeder_id
    LEFT JOIN meter_load load ON load.meter = m.name AND load.at > moment - INTERVAL '35 days'
    WHERE m.state = 'active'
$$;

-- What was ordered at a usage point.
CREATE INDEX command_target_point ON command_target (point);
